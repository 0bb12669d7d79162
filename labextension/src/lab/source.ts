/** Finds a definition in the text of cells. No DOM here. */

/** The definition of a function or class as the cells have it now, "" when none has it. */
export function definitionOf(name: string, cells: readonly string[], hasDecorators: boolean): string {
  const begins = new RegExp(`^(\\s*)(?:async\\s+)?(?:def|class)\\s+${name.replace(/\W/g, '')}\\b`);
  for (const cell of cells.toReversed()) {
    const lines = cell.split('\n');
    const at = lines.findIndex(line => begins.test(line));
    if (at >= 0) {
      const indent = begins.exec(lines[at]!)![1]!.length;
      let end = at + 1;
      // The head may take several lines; the body is what is further in.
      while (end < lines.length && !isOver(lines[end]!, indent)) {
        end++;
      }
      let first = at;
      while (hasDecorators && first > 0 && lines[first - 1]!.trimStart().startsWith('@')) {
        first--;
      }
      return lines.slice(first, end).join('\n').trimEnd();
    }
  }
  return '';
}

function isOver(line: string, indent: number): boolean {
  const own = line.length - line.trimStart().length;
  return line.trim() !== '' && own <= indent && !/^\s*[)\]}]/.test(line);
}
