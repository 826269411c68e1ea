import { defineConfig } from 'eslint/config';
import ts from 'typescript-eslint';

const noEnvironment =
  'Only main.ts, libs/testing and tools read the environment; pass configuration in as an argument.';
const noFocus = 'A committed .only or .skip hides the other tests, or this one.';
const noSwallowing = 'An error swallowed here is one that nobody will ever see: handle it, log it or let it pass.';

const swallowing = [
  {
    selector: "CallExpression[callee.property.name='catch'] > :function > BlockStatement.body[body.length=0]",
    message: noSwallowing,
  },
];

export default defineConfig(
  {
    ignores: [
      '**/node_modules/**',
      '**/dist/**',
      '**/coverage/**',
      '**/.venv/**',
      '.cache/**',
      '.latchkey/**',
      'libs/proto/src/gen/**',
      'third_party/**',
    ],
  },
  {
    files: ['**/*.{ts,mjs,cjs}'],
    extends: [ts.configs.recommended],
    // A rule that has to be switched off in a comment is a rule to change here, in the open.
    linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-empty': ['error', { allowEmptyCatch: false }],
      'no-var': 'error',
      'prefer-const': 'error',
      'no-restricted-syntax': ['error', ...swallowing],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'all', ignoreRestSiblings: true },
      ],
    },
  },
  {
    // jest and dependency-cruiser load these with require.
    files: ['**/*.cjs'],
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    files: ['**/*.ts'],
    ignores: ['**/main.ts', '**/test/*-main.ts', 'libs/testing/**', 'tools/**'],
    rules: {
      'no-restricted-properties': ['error', { object: 'process', property: 'env', message: noEnvironment }],
      'no-restricted-imports': [
        'error',
        {
          paths: ['process', 'node:process'].map((name) => ({ name, importNames: ['env'], message: noEnvironment })),
        },
      ],
    },
  },
  {
    files: ['**/test/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...swallowing,
        {
          selector: 'MemberExpression[object.name=/^(describe|it|test)$/][property.name=/^(only|skip|todo|failing)$/]',
          message: noFocus,
        },
        { selector: 'CallExpression[callee.name=/^(fdescribe|fit|xdescribe|xit|xtest)$/]', message: noFocus },
        {
          selector: 'CallExpression[callee.object.name=/^(fdescribe|fit|xdescribe|xit|xtest)$/]',
          message: noFocus,
        },
      ],
    },
  },
);
