/** Apps that serve: none can be served by this version, and the section says so. */
import type { JSX } from 'preact';
import { Section } from './parts.js';

export function Apps(): JSX.Element {
  return (
    <Section title="Apps" isClosed>
      <p class="fnb-empty">None. This version runs tasks and batches; it serves no apps yet.</p>
    </Section>
  );
}
