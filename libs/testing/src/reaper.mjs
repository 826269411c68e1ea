// Ends the processes of a supervisor that died without doing so (kill -9, a crash, a closed terminal).
// The supervisor holds the other end of stdin and writes "+<pid>" and "-<pid>"; its death closes the pipe. Started last is ended first.
import { readFileSync } from 'node:fs';

const pids = [];
const BOUND_MS = 5_000;

const signal = (pid, name) => {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
};

const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code === 'ESRCH') return false;
    throw error;
  }
  try {
    // Its parent is dead, and the first process of a container may be slow to bury an orphan: a zombie still has its id.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return true; // no /proc here
  }
};

async function endAll() {
  for (const pid of pids.reverse()) {
    const end = Date.now() + BOUND_MS;
    signal(pid, 'SIGTERM');
    while (isAlive(pid) && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
    if (isAlive(pid)) signal(pid, 'SIGKILL');
  }
}

// The signals of the terminal are the supervisor's to handle: it may need seconds to stop in order.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => undefined);

let rest = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) {
    const pid = Number(line.slice(1));
    if (line.startsWith('+')) pids.push(pid);
    else if (pids.includes(pid)) pids.splice(pids.indexOf(pid), 1);
  }
});
process.stdin.on('end', () => void endAll());
