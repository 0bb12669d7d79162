/** What the page around a view can do for it. Every part is optional: a view says so, or copies code instead. */
export interface Host {
  /** Put code into a new cell below the view's own (never runs it). */
  insertCode?(code: string): void;
  /** Whether `openPlace` can show this place: `Cell In[5]` or a file. */
  canOpenPlace?(where: string): boolean;
  /** Jump to a line of a cell or file, and mark it for a moment. */
  openPlace?(where: string, line: number): void;
  /** Show a text as a tab of its own. */
  openText?(title: string, text: string): void;
  /** Show a report as a tab of its own. */
  openReport?(run: string, action: string): void;
  /**
   * A page of the server with a policy of its own (scripts, no network), into which a report is written: for pages whose
   * own policy forbids inline scripts, which frames without an address inherit.
   */
  frameUrl?: string;
  /** Show another run. */
  openRun?(run: string): void;
  /** Begin with what differs from this run. */
  against?: string;
  /** Give the focus back to the cell. */
  leave?(): void;
  /** Tell the page that the final state is shown: whoever stores a static twin does so now. */
  ended?(run: string): void;
  /** Environments, tasks and functions whose code differs from what ran, in words: "fit, clean"; "" = none. */
  staleness?(run: string): string;
  /** The code of a function or class as the notebook has it now, in the form of `ran`; "" when it is not there. */
  currentCode?(name: string, ran: string): string;
  /** How to ask that cells be told of a change of `staleness`. */
  onStaleness?(listener: () => void): () => void;
}
