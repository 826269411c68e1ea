/** Ends the command with the exit code that it answers, and with 1 and the error where it fails. */
export function ended(command: Promise<number>): void {
  command.then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    },
  );
}
