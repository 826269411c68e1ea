export { prove, type Proof } from './proof';
export { type RunResult, runSeed } from './random-run';
export { play, type Schedule, Scene, type SceneSetting } from './scene';
export { SCHEDULES } from './schedules';
export { type Switch, type Switches, SWITCHES } from './switches';
