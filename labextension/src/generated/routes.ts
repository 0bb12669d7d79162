// Derived by tools/frontend_types.py from the Python sources: change those, then run `make frontend-types`.

export const ROUTES = {
  status: { method: 'GET', path: 'api/v1/status' },
  runs: { method: 'GET', path: 'api/v1/runs' },
  snapshot: { method: 'GET', path: 'api/v1/runs/{run}/snapshot' },
  io: { method: 'GET', path: 'api/v1/runs/{run}/actions/{action}/io' },
  attempts: { method: 'GET', path: 'api/v1/runs/{run}/actions/{action}/attempts' },
  logs: { method: 'GET', path: 'api/v1/runs/{run}/logs' },
  page: { method: 'GET', path: 'api/v1/runs/{run}/actions/{action}/page' },
  code: { method: 'GET', path: 'api/v1/runs/{run}/actions/{action}/code' },
  why: { method: 'GET', path: 'api/v1/runs/{run}/actions/{action}/why' },
  run_why: { method: 'GET', path: 'api/v1/runs/{run}/why' },
  post_mortem: { method: 'GET', path: 'api/v1/runs/{run}/actions/{action}/post_mortem' },
  signal: { method: 'POST', path: 'api/v1/runs/{run}/conditions/{name}/signal' },
  resources: { method: 'GET', path: 'api/v1/resources' },
  pools: { method: 'GET', path: 'api/v1/pools' },
  containers: { method: 'GET', path: 'api/v1/containers' },
  builds: { method: 'GET', path: 'api/v1/builds' },
  build_logs: { method: 'GET', path: 'api/v1/builds/{build}/logs' },
  cached: { method: 'GET', path: 'api/v1/cache' },
  pin: { method: 'POST', path: 'api/v1/cache/{name}/pin' },
  prune_cached: { method: 'POST', path: 'api/v1/cache/prune' },
  prune_runs: { method: 'POST', path: 'api/v1/runs/prune' },
  mark_run: { method: 'POST', path: 'api/v1/runs/{run}/mark' },
  delete_run: { method: 'POST', path: 'api/v1/runs/{run}/delete' },
  remove_containers: { method: 'POST', path: 'api/v1/containers/remove' },
  abort: { method: 'POST', path: 'api/v1/runs/{run}/abort' }
} as const;
