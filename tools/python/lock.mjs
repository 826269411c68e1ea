// Writes tools/python/NAME.txt from NAME.in: every package that those need, with the hash of every wheel that a supported
// machine may be given. By hand, after changing an .in file: `node tools/python/lock.mjs`.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPython, FOLDER, pip, REQUIREMENTS, SUPPORTED } from './python.mjs';

const MACHINES = [
  ['manylinux_2_28_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64'],
  ['manylinux_2_28_aarch64', 'manylinux_2_17_aarch64', 'manylinux2014_aarch64'],
  ['macosx_14_0_arm64'],
];

const python = findPython();
// pip judges `python_version < "3.13"` by the Python that runs it, so only the oldest names every package that any needs.
if (python.version !== SUPPORTED[0])
  throw new Error(`Lock with Python ${SUPPORTED[0]} (LATCHKEY_PYTHON), not ${python.version}.`);

for (const name of REQUIREMENTS) {
  const packages = new Map();
  for (const version of SUPPORTED) {
    for (const platforms of MACHINES) {
      const args = [
        ...['install', '--quiet', '--dry-run', '--ignore-installed', '--only-binary', ':all:', '--report', '-'],
        ...['--target', 'nowhere', '--python-version', version, '-r', join(FOLDER, `${name}.in`)],
        ...platforms.flatMap((platform) => ['--platform', platform]),
      ];
      const report = JSON.parse(execFileSync(python.executable, [...pip(), ...args], { maxBuffer: 1 << 26 }));
      for (const { metadata, download_info: download } of report.install) {
        const pin = `${metadata.name.toLowerCase().replaceAll('_', '-')}==${metadata.version}`;
        packages.set(pin, (packages.get(pin) ?? new Set()).add(download.archive_info.hashes.sha256));
      }
    }
  }
  const pins = [...packages].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = pins.map(([pin, hashes]) =>
    [pin, ...[...hashes].sort().map((hash) => `    --hash=sha256:${hash}`)].join(' \\\n'),
  );
  const why = `# Written by tools/python/lock.mjs from ${name}.in: do not edit.\n`;
  writeFileSync(join(FOLDER, `${name}.txt`), `${why}${text.join('\n')}\n`);
  console.log(`${name}.txt: ${pins.length} packages`);
}
