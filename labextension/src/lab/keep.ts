/** What a person keeps of runs: pins, tags, notes; and the deletion of one. */
import type { RunRow } from '../generated/model.js';
import type { Lab } from './lab.js';

/** Change what is marked on a run, and show it without waiting for the next list. */
export async function mark(lab: Lab, run: string, changes: Record<string, string>): Promise<void> {
  const row = await lab.connection().ask<RunRow>('mark_run', { run }, changes);
  lab.replace(run, row);
}

/** Delete a run that has ended. */
export async function forget(lab: Lab, run: string): Promise<void> {
  await lab.connection().ask('delete_run', { run });
  lab.replace(run, null);
}
