// The page of `flytenb open`: one run, or the list of runs. The token stands in the address's fragment, which
// browsers send to nobody; this tab keeps it for itself and takes it out of the address.
import { connect, mount } from '/static/flytenb.js';

const given = location.hash.slice(1);
if (given) {
  sessionStorage.setItem('flytenb-token', given);
  history.replaceState(null, '', location.pathname);
}
const token = sessionStorage.getItem('flytenb-token') ?? '';
const view = document.getElementById('view');
const element = (name, text, attributes = {}) => {
  const made = Object.assign(document.createElement(name), attributes);
  made.textContent = text;
  return made;
};
const options = { base: '/', token };
const [, run] = /^\/runs\/([^/]+)$/.exec(location.pathname) ?? [];

function show() {
  view.textContent = '';
  if (!token) {
    view.append(element('p', 'This page was opened without its token: run `flytenb open` again.'));
  } else if (run) {
    const name = decodeURIComponent(run);
    document.title = `${name} · flytenb`;
    const way = document.createElement('nav');
    way.append(element('a', '← all runs', { href: '/' }));
    const place = document.createElement('div');
    view.append(way, place);
    const host = { frameUrl: '/frame', openRun: other => location.assign(`/runs/${encodeURIComponent(other)}`) };
    mount(place, { ...options, run: name, form: 'open', host });
  } else {
    list();
  }
}

function list() {
  const connection = connect(options);
  const body = document.createElement('tbody');
  const table = document.createElement('table');
  const head = document.createElement('tr');
  head.append(...['run', 'task', 'phase', 'actions', 'started'].map(word => element('th', word, { scope: 'col' })));
  const top = document.createElement('thead');
  top.append(head);
  table.append(top, body);
  const state = element('p', '', { role: 'status' });
  view.append(element('h1', 'Runs'), state, table);
  const draw = () => {
    const rows = connection.runs;
    state.textContent = connection.message || (rows === null ? connection.engineMessage || 'asking the engine…' : '');
    body.replaceChildren(
      ...(rows ?? []).map(row => {
        const line = document.createElement('tr');
        const first = document.createElement('td');
        first.append(element('a', row.name, { href: `/runs/${encodeURIComponent(row.name)}` }));
        const when = new Date(row.created_at * 1000).toLocaleString();
        const failed = row.failed_count ? ` (${row.failed_count} failed)` : '';
        line.append(first, ...[row.task, row.phase, `${row.action_count ?? 0}${failed}`, when].map(word => element('td', word)));
        return line;
      })
    );
  };
  connection.subscribe(draw);
  connection.watchRuns();
  draw();
}

show();
