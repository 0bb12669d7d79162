/** Code for a notebook, in its own words. */

/** A statement that begins with ours: what a person has typed within it stays as it is. */
const OURS = /^((?:\w+ = |print\()?)flytenb\.(?=\w)/gm;

/**
 * The same under the name that the notebook has given to the package.
 *
 * @param alias `flyte` after `import flytenb as flyte`; "" or null where nobody knows one: then the code imports it.
 */
export function inWordsOf(alias: string | null, code: string): string {
  if (code.search(OURS) < 0 || alias === 'flytenb') {
    return code;
  }
  return alias ? code.replace(OURS, `$1${alias}.`) : `import flytenb\n${code}`;
}
