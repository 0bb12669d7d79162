/** Parts that are loaded when they are first looked at: one bundle of its own. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ActionRow } from '../../generated/model.js';
import type { Tab } from './context.js';

type More = typeof import('./more.js');
let more: More | null = null;
let load = (): Promise<More> => import(/* webpackChunkName: "more" */ './more.js');

/** What was lost on its way, as when the machine changes its network, is there a moment later. */
const again = (): Promise<More> => load().catch(() => new Promise(go => setTimeout(go, 1000)).then(load));

/** For a page that must bring along more than the code: its style. */
export function setLoader(loader: (load: () => Promise<More>) => Promise<More>): void {
  const before = load;
  load = () => loader(before);
}

/** What is loaded when it is first looked at; null until then. */
export function useMore(): { more: More | null; error: string } {
  const [, redraw] = useState(0);
  const [error, setError] = useState('');
  useEffect(() => {
    if (!more) {
      again().then(
        found => {
          more = found;
          redraw(n => n + 1);
        },
        (reason: unknown) => setError(`This part of the page could not be loaded (${String(reason)}): reload the page.`)
      );
    }
  }, []);
  return { more, error };
}

/** The panel of a tab. */
export function LaterTab({ tab }: { tab: Tab }): JSX.Element {
  const { more, error } = useMore();
  const Panel = more?.PANELS[tab];
  return Panel ? <Panel /> : <p class="fnb-none">{error || 'Loading …'}</p>;
}

/** The form of a question, the explanation of an action, or the list of keys. */
export function Later({
  part,
  action
}: {
  part: 'Attempts' | 'Keys' | 'Question' | 'Usage' | 'Used' | 'Why';
  /** All but the list of keys are about one. */
  action?: ActionRow;
}): JSX.Element {
  const { more, error } = useMore();
  const Part = more?.[part];
  return Part ? <Part action={action!} /> : <span class="fnb-2">{error || action?.reason}</span>;
}
