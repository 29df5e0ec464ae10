import { writeFileSync } from 'node:fs';

/**
 * Takes away what would give the process's memory to whoever can reach it:
 * a debugger on SIGUSR1, variables in diagnostic reports, and pages in a core
 * dump. What the system can do beyond that is in `deploy/strongroom.service`.
 */
export function hardenProcess(): void {
  // A listener takes the place of Node's own, which opens a port for a debugger.
  if (process.platform !== 'win32') process.on('SIGUSR1', () => undefined);
  if (process.report !== undefined) process.report.excludeEnv = true;
  try {
    // A core dump then has no page of memory in it (core(5)).
    writeFileSync('/proc/self/coredump_filter', '0');
  } catch {
    // Not Linux, or a system that does not let a process do that.
  }
}
