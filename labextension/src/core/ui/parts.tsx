/** Small things that all parts of a view use. */
import type { ComponentChildren, JSX } from 'preact';
import type { Mark } from '../../generated/marks.js';
import { useView } from './context.js';

/** The sign of a phase; its word always stands beside it. */
export function Glyph({ mark }: { mark: Pick<Mark, 'key'> }): JSX.Element {
  return <i class="fnb-i" data-phase={mark.key} aria-hidden="true" />;
}

export function Icon({ u }: { u: string }): JSX.Element {
  return <i class="fnb-i" data-u={u} aria-hidden="true" />;
}

export function Word({ mark, text }: { mark: Pick<Mark, 'key' | 'word'>; text?: string }): JSX.Element {
  return (
    <span class="fnb-word" data-phase={mark.key}>
      {text ?? mark.word}
    </span>
  );
}

interface ButtonProps {
  onClick: () => void;
  /** Shown by the browser after a moment: the same as code. */
  title?: string;
  label?: string;
  kind?: 'primary' | 'bare' | 'bare-text' | '';
  isPressed?: boolean;
  isDisabled?: boolean;
  children?: ComponentChildren;
}

export function Button({
  onClick,
  title,
  label,
  kind = '',
  isPressed,
  isDisabled,
  children
}: ButtonProps): JSX.Element {
  const looks = { primary: ' is-primary', bare: ' is-bare', 'bare-text': ' is-bare is-text', '': '' }[kind];
  return (
    <button
      type="button"
      class={'fnb-btn' + looks}
      title={title}
      aria-label={label}
      aria-pressed={isPressed}
      disabled={isDisabled}
      onClick={onClick}
    >
      {children}
    </button>
  );
}

/** Text that does something. */
export function Link({
  onClick,
  title,
  children
}: {
  onClick: () => void;
  title?: string;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <button type="button" class="fnb-link" title={title} onClick={onClick}>
      {children}
    </button>
  );
}

/** A place in the user's code; a link where the page can go there. */
export function Place({ where, line }: { where: string; line: number }): JSX.Element {
  const { host } = useView();
  // Of a file its name; the whole path when it is pointed at.
  const short = /^(?:\/|[A-Za-z]:\\)/.test(where) ? (where.split(/[\\/]/).at(-1) ?? where) : where;
  const text = line ? `${short}, line ${line}` : short;
  if (!host.openPlace || host.canOpenPlace?.(where) === false) {
    return <span title={where}>{text}</span>;
  }
  return (
    <Link title={where} onClick={() => host.openPlace?.(where, line)}>
      {text}
    </Link>
  );
}

/** The same from one text: `Cell In[5], line 7`. */
export function PlaceText({ text }: { text: string }): JSX.Element {
  const found = /^(.*), line (\d+)$/.exec(text);
  return found ? <Place where={found[1]!} line={Number(found[2])} /> : <span>{text}</span>;
}

/** Lists separated by points. */
export function Dots({
  parts,
  class: name = 'fnb-dots fnb-2'
}: {
  parts: ComponentChildren[];
  class?: string;
}): JSX.Element {
  return (
    <span class={name}>
      {parts.filter(Boolean).map((part, i) => (
        <span key={i}>{part}</span>
      ))}
    </span>
  );
}

/** One bar per action, at most `limit`; several share one, the loudest wins. */
export function Mini({ keys, label }: { keys: readonly string[]; label: string }): JSX.Element {
  return (
    <span class="fnb-mini" {...(label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': true })}>
      {keys.map((key, i) => (
        <i key={i} data-phase={key} />
      ))}
    </span>
  );
}

/** What is still to come, or why nothing is there. */
export function Empty({ children }: { children: ComponentChildren }): JSX.Element {
  return <p class="fnb-none">{children}</p>;
}

/** Copy to the clipboard; false where the page may not. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.style.position = 'fixed';
    area.style.opacity = '0';
    document.body.append(area);
    area.select();
    // The older way works on pages without a secure origin.
    const isDone = document.execCommand('copy');
    area.remove();
    return isDone;
  }
}

/** Give the person a file. */
export function save(name: string, type: string, content: BlobPart): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
