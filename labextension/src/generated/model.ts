// Derived by tools/frontend_types.py from the Python sources: change those, then run `make frontend-types`.


/** One action. `inputs` and `outputs` are encoded values; only `codec.preview` may look into them. */
export interface ActionRow {
  id: number;
  name: string;
  parent?: string;
  task: string;
  short_name: string;
  phase: string;
  group?: string;
  attempt?: number;
  is_cached?: boolean;
  saved_s?: number;
  accepted_at?: number;
  started_at?: number;
  ended_at?: number;
  inputs?: string;
  outputs?: string;
  failure?: Failure | null;
  reason?: string;
  has_report?: boolean;
  source?: string;
  placement?: number;
  progress?: Advance | null;
  condition?: ConditionRow | null;
  recovery_source?: string;
  recovery?: string;
}

/** How far the body of an action says that it is. */
export interface Advance {
  done: number;
  total?: number;
  text?: string;
  elapsed_s?: number;
  at?: number;
}

/** One step of a build. */
export interface BuildLayer {
  title: string;
  phase?: string;
  seconds?: number;
  started_at?: number;
  line_count?: number;
  said?: string;
  lines?: string[];
}

/** What a layer of a build wrote. */
export interface BuildLog {
  layer: number;
  title: string;
  text: string;
}

/** One build. `version` grows with every change while it goes on. */
export interface BuildRow {
  id: number;
  digest: string;
  image: string;
  text?: string;
  phase?: string;
  image_id?: string;
  engine?: string;
  error?: string;
  started_at?: number;
  ended_at?: number;
  layers?: BuildLayer[];
  version?: number;
  kind?: string;
}

/** Cached results, newest first, and figures over all of them. */
export interface CachedList {
  rows: CachedRow[];
  count: number;
  pinned_count: number;
  hits: number;
  misses: number;
  saved_s: number;
}

/** One cached result. */
export interface CachedRow {
  key: string;
  task?: string;
  run?: string;
  action?: string;
  created_at: number;
  duration_s: number;
  size_bytes?: number;
  hits?: number;
  saved_s?: number;
  last_hit_at?: number;
  is_pinned?: boolean;
  inputs?: string;
  outputs?: string;
}

/** A question to a person, which is an action of its run: all that a form for the answer needs. Answered with `POST /api/v1/runs/{run}/conditions/{action}/signal` and `{"value": …}`. */
export interface ConditionRow {
  run: string;
  action: string;
  parent?: string;
  name: string;
  prompt: string;
  prompt_type?: string;
  data_type?: string;
  description?: string;
  phase: string;
  since: number;
  timeout_s?: number;
  expires_at?: number;
  default?: boolean | number | number | string | null;
  value?: boolean | number | number | string | null;
  answered_by?: string;
  answered_from?: string;
  answered_at?: number;
}

/** One container. */
export interface ContainerRow {
  name: string;
  id: string;
  kind: string;
  state: string;
  image?: string;
  run?: string;
  action?: string;
  worker?: string;
  created_at?: number;
}

/** A run that is gone. */
export interface Deleted {
  name: string;
  action_count: number;
}

/** What one kind of things takes of the disk. */
export interface DiskPart {
  name: string;
  bytes: number;
}

/** An error of an action. Travels as a msgpack map; nothing in it is ever unpickled to be shown. */
export interface Failure {
  code: string;
  message: string;
  kind?: string;
  frames?: Frame[];
  traceback?: string;
  type_name?: string;
  pickled?: string;
  is_recoverable?: boolean;
  worker?: string;
  locals?: (([string, string])[])[];
  exhausted?: number;
  kept?: string;
  is_wanted?: boolean;
}

/** One frame of a user's traceback, innermost last. */
export interface Frame {
  where: string;
  line: number;
  function: string;
  code?: string;
}

/** One GPU, who works on it, and what other processes hold of its memory. */
export interface GpuRow {
  id: string;
  kind?: string;
  vendor?: string;
  partition?: string;
  uuid?: string;
  memory_bytes?: number;
  free_bytes?: number;
  busy?: number;
  users?: UserRow[];
  is_idle?: boolean;
  outside?: Outside[];
}

/** One of its GPUs, in the same steps as the rest. */
export interface GpuUsage {
  id: string;
  kind?: string;
  memory_bytes?: number;
  busy?: number[];
  memory?: number[];
  busy_peak?: number;
  memory_peak_bytes?: number;
}

/** A piece of an attempt's output, one or more whole lines. */
export interface LogLine {
  action: string;
  attempt: number;
  stream: string;
  time: number;
  text: string;
}

/** What the machine really does, whoever does it: not what tasks have asked for. */
export interface MachineUse {
  cpu: number;
  memory_bytes: number;
  memory_total_bytes: number;
  workers_bytes?: number;
  kernels_bytes?: number;
  disk_bytes?: number;
  disk_free_bytes?: number;
  disk_total_bytes?: number;
  home_parts?: DiskPart[];
  is_home_whole?: boolean;
}

/** A process that is not a worker of this engine and holds memory of a GPU. */
export interface Outside {
  pid?: number;
  words?: string;
  bytes?: number;
}

/** Where an action really ran and with what software; recorded once, named by every action that ran so. */
export interface Placement {
  executor: string;
  reason?: string;
  python?: string;
  image?: string;
  image_id?: string;
  environment?: string;
  distributions?: string[];
  since?: number;
  changed_at?: number;
  notes?: string[];
}

/** Workers of one kind: they serve every task that needs the same. */
export interface PoolRow {
  environment: string;
  kind: string;
  executor?: string;
  python?: string;
  image?: string;
  min_replicas?: number;
  max_replicas?: number;
  concurrency?: number;
  run?: string;
  queued?: number;
  workers?: WorkerRow[];
}

/** What was, or would be, removed. */
export interface Pruned {
  names: string[];
  kept?: number;
}

/** CPUs, memory and GPUs, and the actions that hold or await them. */
export interface ResourcesView {
  cpu: number;
  cpu_used: number;
  memory_bytes: number;
  memory_used_bytes: number;
  gpus?: GpuRow[];
  gpus_from?: string;
  running?: UserRow[];
  waiting?: UserRow[];
  waiting_count?: number;
  now?: MachineUse | null;
}

/** One run without its actions. */
export interface RunRow {
  name: string;
  task: string;
  phase: string;
  created_at: number;
  ended_at?: number;
  action_count?: number;
  failed_count?: number;
  cached_count?: number;
  paused_count?: number;
  origin?: Record<string, unknown>;
  is_pinned?: boolean;
  tags?: string[];
  note?: string;
}

/** A run with its actions, root first, in order of acceptance. `version` grows with every change. */
export interface RunSnapshot {
  run: RunRow;
  actions?: ActionRow[];
  traces?: TraceRow[];
  logs?: LogLine[];
  placements?: Record<string, Placement>;
  builds?: BuildRow[];
  reports?: Record<string, string>;
  usages?: Record<string, Usage>;
  version?: number;
  taken_at?: number;
}

/** A traced call inside an action. */
export interface TraceRow {
  action: string;
  name: string;
  n?: number;
  started_at: number;
  duration_s: number;
  ok: boolean;
  inputs?: string;
  outputs?: string;
}

/** CPU, memory and GPUs over the time of one attempt that ran longer than a second. */
export interface Usage {
  action?: string;
  attempt?: number;
  started_at?: number;
  step_s?: number;
  covers_s?: number;
  cpu?: number[];
  memory?: number[];
  gpus?: GpuUsage[];
  cpu_s?: number;
  cpu_peak?: number;
  memory_peak_bytes?: number;
  cpu_asked?: number;
  memory_asked_bytes?: number;
  shared_by?: number;
  source?: string;
  is_over?: boolean;
  text?: string;
  hint?: string;
}

/** An action that holds something, or waits for it. */
export interface UserRow {
  run: string;
  action: string;
  task: string;
  does?: string;
  cpu?: number;
  memory_bytes?: number;
  gpus?: string[];
  worker?: string;
  pid?: number;
}

/** One worker. */
export interface WorkerRow {
  id: string;
  pid?: number;
  state: string;
  busy?: number;
  parked?: number;
  news?: string;
  idle_s?: number;
}
