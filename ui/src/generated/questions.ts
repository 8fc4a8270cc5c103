// Made by `npm run types` from the server's schema and src/queries. Not edited.
import type { Question } from "../api/question";

export type GroupKind = "APPLICATION" | "PLATFORM";

export type GroupSide = "CLIENT" | "SERVER";

export type NodeKind = "PROCESS" | "POD" | "SERVICE" | "ADDRESS" | "REST";

export interface RuleInput { path?: string | null; minDurationMs?: number | null; status4xx?: boolean | null; status5xx?: boolean | null }

export type SideName = "CLIENT" | "SERVER";

export type State = "FAILING" | "SLOW" | "HEALTHY" | "NONE";

export type Step = "SECOND" | "MINUTE" | "HOUR";

export type TaskState = "WAITING" | "RUNNING" | "FINISHED" | "STOPPED" | "REFUSED";

export interface WindowInput { from?: string | null; to?: string | null; last?: number | null }

export type HealthBar = { agents: ({ host: string; version: string; lastSeen: string; skewMs: number; probes: ({ metric: string; rung: string | null; hook: string | null; whyNot: string | null })[] })[]; server: { version: string; spooled: number; spooledBytes: number; setAside: number; trouble: string | null } };

export type TaskRow = { id: string; instance: string; service: string; instanceName: string; owner: string; state: TaskState; createdAt: string; tracedAt: string | null; endsAt: string; endedAt: string | null; stoppedBy: string | null; durationSeconds: number; rules: ({ path: string; minDurationMs: number; status4xx: boolean; status5xx: boolean })[]; processes: number | null; notTraced: ({ process: string; why: string })[]; hosts: string[]; events: ({ at: string; kind: string; who: string; detail: string | null })[] };

export type WholeTopology = { instance: Place; window: { from: string; to: string; seconds: number }; step: Step; nodes: TopologyNode[]; groups: TopologyGroup[]; edges: TopologyLine[]; completeness: Seen[]; agentSilentSeconds: number | null; places: { inside: number } };

export type Place = { id: string; name: string; host: string; layers: string[]; processes: number; service: { id: string; name: string; layers: string[] }; task: TaskRow | null };

export type TopologyNode = { id: string; name: string; inside: boolean; kind: NodeKind; ordinal: number; address: string | null; service: string | null; instance: string | null; group: string | null; pids: number[]; process: { id: string; container: string | null; commandLine: string | null } | null };

export type TopologyGroup = { id: string; name: string; kind: GroupKind; side: GroupSide; ordinal: number };

export type TopologyLine = { id: string; client: string; server: string; port: number; transport: string; protocol: string; security: string; securitySource: string; label: string; state: State; reasons: string[]; brief: string; since: string | null; rate: number | null; bytesRate: number | null; p99Ns: number | null; retransmitShare: number | null; connections: { opened: number; closed: number; active: number; failed: ({ reason: string; count: number })[] }; seenShare: number; clientSeen: boolean; serverSeen: boolean; overflow: number; lastTraffic: string | null; metrics: ({ side: SideName; metric: string; count: number | null; bytes: number | null; rate: number | null; averageNs: number | null; p99Ns: number | null; whyNot: string | null })[] };

export type Seen = { host: string; secondsAsked: number; secondsRecorded: number; gaps: ({ from: string; seconds: number; cause: string })[]; amounts: ({ name: string; value: number })[] };

export type HealthAnswer = HealthBar;

export type HealthAsked = Record<string, never>;

export const Health: Question<HealthAnswer, HealthAsked> = { name: "Health", text: "query Health { ...HealthBar } fragment HealthBar on Query { agents { host version lastSeen skewMs probes { metric rung hook whyNot } } server { version spooled spooledBytes setAside trouble } }" };

export type TasksAnswer = { tasks: TaskRow[] };

export type TasksAsked = { instance?: string | null; limit: number };

export const Tasks: Question<TasksAnswer, TasksAsked> = { name: "Tasks", text: "query Tasks($instance: ID, $limit: Int!) { tasks(instance: $instance, limit: $limit) { ...TaskRow } } fragment TaskRow on Task { id instance service instanceName owner state createdAt tracedAt endsAt endedAt stoppedBy durationSeconds rules { path minDurationMs status4xx status5xx } processes notTraced { process why } hosts events { at kind who detail } }" };

export type CreateTaskAnswer = { createTask: TaskRow };

export type CreateTaskAsked = { instance: string; durationSeconds: number; rules: RuleInput[] };

export const CreateTask: Question<CreateTaskAnswer, CreateTaskAsked> = { name: "CreateTask", text: "mutation CreateTask($instance: ID!, $durationSeconds: Int!, $rules: [RuleInput!]!) { createTask( instance: $instance durationSeconds: $durationSeconds rules: $rules ) { ...TaskRow } } fragment TaskRow on Task { id instance service instanceName owner state createdAt tracedAt endsAt endedAt stoppedBy durationSeconds rules { path minDurationMs status4xx status5xx } processes notTraced { process why } hosts events { at kind who detail } }" };

export type ExtendTaskAnswer = { extendTask: TaskRow };

export type ExtendTaskAsked = { id: string; seconds: number };

export const ExtendTask: Question<ExtendTaskAnswer, ExtendTaskAsked> = { name: "ExtendTask", text: "mutation ExtendTask($id: ID!, $seconds: Int!) { extendTask(id: $id, seconds: $seconds) { ...TaskRow } } fragment TaskRow on Task { id instance service instanceName owner state createdAt tracedAt endsAt endedAt stoppedBy durationSeconds rules { path minDurationMs status4xx status5xx } processes notTraced { process why } hosts events { at kind who detail } }" };

export type StopTaskAnswer = { stopTask: TaskRow };

export type StopTaskAsked = { id: string };

export const StopTask: Question<StopTaskAnswer, StopTaskAsked> = { name: "StopTask", text: "mutation StopTask($id: ID!) { stopTask(id: $id) { ...TaskRow } } fragment TaskRow on Task { id instance service instanceName owner state createdAt tracedAt endsAt endedAt stoppedBy durationSeconds rules { path minDurationMs status4xx status5xx } processes notTraced { process why } hosts events { at kind who detail } }" };

export type TopologyAnswer = { topology: WholeTopology };

export type TopologyAsked = { instance: string; window: WindowInput };

export const Topology: Question<TopologyAnswer, TopologyAsked> = { name: "Topology", text: "query Topology($instance: ID!, $window: WindowInput!) { topology(instance: $instance, window: $window) { ...WholeTopology } } fragment WholeTopology on Topology { instance { ...Place } window { from to seconds } step nodes { ...TopologyNode } groups { ...TopologyGroup } edges { ...TopologyLine } completeness { ...Seen } agentSilentSeconds places { inside } } fragment Place on Instance { id name host layers processes service { id name layers } task { ...TaskRow } } fragment TaskRow on Task { id instance service instanceName owner state createdAt tracedAt endsAt endedAt stoppedBy durationSeconds rules { path minDurationMs status4xx status5xx } processes notTraced { process why } hosts events { at kind who detail } } fragment TopologyNode on Node { id name inside kind ordinal address service instance group pids process { id container commandLine } } fragment TopologyGroup on Group { id name kind side ordinal } fragment TopologyLine on TopologyEdge { id client server port transport protocol security securitySource label state reasons brief since rate bytesRate p99Ns retransmitShare connections { opened closed active failed { reason count } } seenShare clientSeen serverSeen overflow lastTraffic metrics { side metric count bytes rate averageNs p99Ns whyNot } } fragment Seen on Completeness { host secondsAsked secondsRecorded gaps { from seconds cause } amounts { name value } }" };
