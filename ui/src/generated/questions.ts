// Made by `npm run types` from the server's schema and src/queries. Not edited.
import type { Question } from "../api/question";

export type ChangeKind = "NEW" | "GONE" | "CHANGED";

export type DetectType = "KUBERNETES" | "LINUX" | "VIRTUAL";

export type Direction = "WORSE" | "BETTER" | "AMOUNT";

export type FoundKind = "SERVICE" | "INSTANCE" | "PROCESS" | "ADDRESS";

export type GroupKind = "APPLICATION" | "PLATFORM";

export type GroupSide = "CLIENT" | "SERVER";

export type NodeKind = "PROCESS" | "POD" | "SERVICE" | "ADDRESS" | "REST";

export type Role = "READ" | "ADMIN" | "AGENT";

export interface RuleInput { path?: string | null; minDurationMs?: number | null; status4xx?: boolean | null; status5xx?: boolean | null }

export type SideName = "CLIENT" | "SERVER";

export type State = "FAILING" | "SLOW" | "HEALTHY" | "NONE";

export type Step = "SECOND" | "MINUTE" | "HOUR";

export type TaskState = "WAITING" | "RUNNING" | "FINISHED" | "STOPPED" | "REFUSED";

export interface WindowInput { from?: string | null; to?: string | null; last?: number | null }

export type LookedAt = { id: string; whyNot: string | null; sides: ConnectionsSeen[] };

export type ConnectionsSeen = { side: SideName | null; host: string; at: string | null; open: number; states: ({ state: string; count: number })[]; closed: number; connections: OneConnection[]; whyNot: string | null };

export type OneConnection = { local: string; remote: string; pid: number | null; process: string; state: string; troubles: string[]; label: string; ended: string | null; openedAt: string | null; closedAt: string | null; countedSince: string; writeCalls: number; writeBytes: number; readCalls: number; readBytes: number; bytesRate: number | null; srttUs: number | null; rttvarUs: number | null; minRttUs: number | null; segmentsOut: number | null; retransmitted: number | null; lost: number | null; outOfOrder: number | null; zeroWindowProbes: number | null; unackedBytes: number | null; unreadBytes: number | null; busyUs: number | null; rwndLimitedUs: number | null; sndbufLimitedUs: number | null };

export type ServiceRow = { id: string; name: string; layers: string[]; instances: number; processes: number; lastSeen: string; health: HealthNow; trend: (number | null)[] };

export type InstanceRow = { id: string; name: string; host: string; layers: string[]; processes: number; lastSeen: string; health: HealthNow; trend: (number | null)[]; task: { id: string; state: TaskState; endsAt: string; owner: string } | null };

export type HealthNow = { state: State; reasons: string[]; rate: number | null; bytesRate: number | null; p99Ns: number | null; since: string | null; lines: number };

export type HealthBar = { me: { name: string; role: Role }; agents: AgentSeen[]; server: { version: string; spooled: number; spooledBytes: number; setAside: number; trouble: string | null } };

export type AgentSeen = { host: string; version: string; lastSeen: string; skewMs: number; probes: ({ metric: string; rung: string | null; hook: string | null; whyNot: string | null })[] };

export type Changed = { edge: string; clientName: string; serverName: string; label: string; kind: ChangeKind; metric: string; a: number | null; b: number | null; change: number | null; direction: Direction; sure: number; sentence: string };

export type ProcessDetail = { id: string; name: string; service: string; layer: string; detectType: DetectType; host: string; pids: number[]; container: string | null; cgroup: string | null; executable: string | null; commandLine: string | null; started: string | null; labels: ({ name: string; value: string })[]; attributes: ({ name: string; value: string })[]; firstSeen: string; lastSeen: string; listeners: Listening[]; tlsVisibility: string };

export type OnAxis = { window: { from: string; to: string; seconds: number }; step: number; at: string[]; rate: (number | null)[]; failed: (number | null)[]; seen: number[] };

export type Listening = { address: string; queue: number; limit: number; overflows: number; synacksRetransmitted: number };

export type LineDetail = { id: string; client: LineEnd; server: LineEnd; transport: string; protocol: string; security: string; label: string; tls: { sni: string[]; alpn: string[] } | null; connections: { opened: number; closed: number; active: number; failed: ({ reason: string; count: number })[] }; clientSide: LineSide | null; serverSide: LineSide | null };

export type LineEnd = { id: string | null; process: string | null; service: string | null; instance: string | null; container: string | null; pids: number[]; address: string; listen: string | null };

export type LineSide = { metrics: ({ metric: string; count: number | null; bytes: number | null; rate: number | null; bytesRate: number | null; timeNs: number | null; callNs: number | null; queueNs: number | null; timed: number | null; averageNs: number | null; percentiles: number[]; reasons: ({ reason: string; count: number })[]; whyNot: string | null })[]; tcp: ({ name: string; unit: string; value: number })[] };

export type LineSeries = { window: { from: string; to: string; seconds: number }; at: string[]; seen: number[]; client: OverTime[]; server: OverTime[]; tcp: PlainOverTime[]; connections: PlainOverTime[]; failed: PlainOverTime[] };

export type OverTime = { metric: string; whyNot: string | null; count: (number | null)[]; bytes: (number | null)[]; rate: (number | null)[]; averageNs: (number | null)[]; percentiles: ({ share: number; ns: (number | null)[] })[]; heatmap: ({ step: number; lowNs: number; highNs: number; count: number })[] };

export type PlainOverTime = { side: SideName | null; name: string; unit: string; values: (number | null)[] };

export type WholeMesh = { window: { from: string; to: string; seconds: number }; seconds: number; services: ({ id: string; name: string; namespace: string; layer: number; ordinal: number; instances: string[]; requests: number; errors: number; rate: number; p99Ns: number | null; state: State; reasons: string[] })[]; lines: MeshLineRow[]; proxies: number; proxiesSilent: string[]; entries: number; lastEntry: string | null };

export type MeshLineRow = { id: string; client: string; server: string; protocol: string; security: string; label: string; requests: number; rate: number; errors: number; errorShare: number; byStatus: ({ reason: string; count: number })[]; byFlag: ({ reason: string; count: number })[]; retries: number; bytesIn: number; bytesOut: number; connections: number; latency: ({ part: string; side: SideName | null; averageNs: number | null; percentiles: number[] })[]; state: State; reasons: string[]; clientSeen: boolean; serverSeen: boolean; instances: ({ client: string; server: string; requests: number; errors: number })[] };

export type TaskRow = { id: string; instance: string; service: string; instanceName: string; owner: string; state: TaskState; createdAt: string; tracedAt: string | null; endsAt: string; endedAt: string | null; stoppedBy: string | null; durationSeconds: number; rules: ({ path: string; minDurationMs: number; status4xx: boolean; status5xx: boolean })[]; processes: number | null; notTraced: ({ process: string; why: string })[]; hosts: string[]; events: ({ at: string; kind: string; who: string; detail: string | null })[] };

export type WholeTopology = { instance: Place; window: { from: string; to: string; seconds: number }; step: Step; nodes: TopologyNode[]; groups: TopologyGroup[]; edges: TopologyLine[]; completeness: Seen[]; agentSilentSeconds: number | null; places: { inside: number } };

export type Place = { id: string; name: string; host: string; layers: string[]; processes: number; service: { id: string; name: string; layers: string[] }; task: TaskRow | null };

export type TopologyNode = { id: string; name: string; inside: boolean; kind: NodeKind; ordinal: number; address: string | null; service: string | null; instance: string | null; group: string | null; pids: number[]; process: { id: string; host: string; container: string | null; commandLine: string | null; name: string } | null };

export type TopologyGroup = { id: string; name: string; kind: GroupKind; side: GroupSide; ordinal: number };

export type TopologyLine = { id: string; client: string; server: string; address: string; port: number; transport: string; protocol: string; security: string; securitySource: string; label: string; state: State; reasons: string[]; brief: string; since: string | null; rate: number | null; bytesRate: number | null; p99Ns: number | null; retransmitShare: number | null; connections: { opened: number; closed: number; active: number; failed: ({ reason: string; count: number })[] }; seenShare: number; clientSeen: boolean; serverSeen: boolean; overflow: number; lastTraffic: string | null; metrics: ({ side: SideName; metric: string; count: number | null; bytes: number | null; rate: number | null; averageNs: number | null; p99Ns: number | null; whyNot: string | null })[] };

export type Seen = { host: string; secondsAsked: number; secondsRecorded: number; gaps: ({ from: string; seconds: number; cause: string })[]; amounts: ({ name: string; value: number })[] };

export type CatalogueAnswer = { metrics: ({ name: string; unit: string; sentence: string })[] };

export type CatalogueAsked = Record<string, never>;

export const Catalogue: Question<CatalogueAnswer, CatalogueAsked> = { name: "Catalogue", text: "query Catalogue { metrics { name unit sentence } }" };

export type FindAnswer = HealthBar & { services: { services: ServiceRow[] }; needsLook: { lines: number; completeness: ({ host: string; missing: string[] })[]; looks: ({ edge: string; client: string; server: string; label: string; instance: string; instanceName: string; state: State; reasons: string[]; since: string | null; rate: number | null; p99Ns: number | null })[] }; instances?: { instances: InstanceRow[] }; search?: ({ kind: FoundKind; id: string; name: string; instance: string | null; instanceName: string | null; lastSeen: string })[] };

export type FindAsked = { window: WindowInput; service: string; open: boolean; text: string; searching: boolean };

export const Find: Question<FindAnswer, FindAsked> = { name: "Find", text: "query Find($window: WindowInput!, $service: ID!, $open: Boolean!, $text: String!, $searching: Boolean!) { ...HealthBar services { services { ...ServiceRow } } needsLook(window: $window) { lines completeness { host missing } looks { edge client server label instance instanceName state reasons since rate p99Ns } } instances(service: $service) @include(if: $open) { instances { ...InstanceRow } } search(text: $text) @include(if: $searching) { kind id name instance instanceName lastSeen } } fragment HealthBar on Query { me { name role } agents { ...AgentSeen } server { version spooled spooledBytes setAside trouble } } fragment AgentSeen on Agent { host version lastSeen skewMs probes { metric rung hook whyNot } } fragment ServiceRow on Service { id name layers instances processes lastSeen health { ...HealthNow } trend } fragment HealthNow on Health { state reasons rate bytesRate p99Ns since lines } fragment InstanceRow on Instance { id name host layers processes lastSeen health { ...HealthNow } trend task { id state endsAt owner } }" };

export type InstanceViewAnswer = HealthBar & { topology: WholeTopology; edge?: LineDetail | null; edgeSeries?: LineSeries; connections?: LookedAt | null; processes?: { processes: ProcessDetail[] }; timeline?: OnAxis };

export type InstanceViewAsked = { instance: string; window: WindowInput; axis: WindowInput; edge: string; line: boolean; processes: boolean; timeline: boolean; behind?: string | null; held?: string | null; connections: boolean };

export const InstanceView: Question<InstanceViewAnswer, InstanceViewAsked> = { name: "InstanceView", text: "query InstanceView($instance: ID!, $window: WindowInput!, $axis: WindowInput!, $edge: ID!, $line: Boolean!, $processes: Boolean!, $timeline: Boolean!, $behind: ID, $held: ID, $connections: Boolean!) { ...HealthBar topology(instance: $instance, window: $window) { ...WholeTopology } edge(id: $edge, window: $window) @include(if: $line) { ...LineDetail } edgeSeries(edge: $edge, window: $window, points: 60) @include(if: $line) { ...LineSeries } connections(edge: $behind, process: $held) @include(if: $connections) { ...LookedAt } processes(instance: $instance, window: $window) @include(if: $processes) { processes { ...ProcessDetail } } timeline(instance: $instance, window: $axis) @include(if: $timeline) { ...OnAxis } } fragment HealthBar on Query { me { name role } agents { ...AgentSeen } server { version spooled spooledBytes setAside trouble } } fragment AgentSeen on Agent { host version lastSeen skewMs probes { metric rung hook whyNot } } fragment WholeTopology on Topology { instance { ...Place } window { from to seconds } step nodes { ...TopologyNode } groups { ...TopologyGroup } edges { ...TopologyLine } completeness { ...Seen } agentSilentSeconds places { inside } } fragment Place on Instance { id name host layers processes service { id name layers } task { ...TaskRow } } fragment TaskRow on Task { id instance service instanceName owner state createdAt tracedAt endsAt endedAt stoppedBy durationSeconds rules { path minDurationMs status4xx status5xx } processes notTraced { process why } hosts events { at kind who detail } } fragment TopologyNode on Node { id name inside kind ordinal address service instance group pids process { id host container commandLine name } } fragment TopologyGroup on Group { id name kind side ordinal } fragment TopologyLine on TopologyEdge { id client server address port transport protocol security securitySource label state reasons brief since rate bytesRate p99Ns retransmitShare connections { opened closed active failed { reason count } } seenShare clientSeen serverSeen overflow lastTraffic metrics { side metric count bytes rate averageNs p99Ns whyNot } } fragment Seen on Completeness { host secondsAsked secondsRecorded gaps { from seconds cause } amounts { name value } } fragment LineDetail on Edge { id client { ...LineEnd } server { ...LineEnd } transport protocol security label tls { sni alpn } connections { opened closed active failed { reason count } } clientSide { ...LineSide } serverSide { ...LineSide } } fragment LineEnd on End { id process service instance container pids address listen } fragment LineSide on Side { metrics { metric count bytes rate bytesRate timeNs callNs queueNs timed averageNs percentiles reasons { reason count } whyNot } tcp { name unit value } } fragment LineSeries on EdgeSeries { window { from to seconds } at seen client { ...OverTime } server { ...OverTime } tcp { ...PlainOverTime } connections { ...PlainOverTime } failed { ...PlainOverTime } } fragment OverTime on MetricSeries { metric whyNot count bytes rate averageNs percentiles { share ns } heatmap { step lowNs highNs count } } fragment PlainOverTime on PlainSeries { side name unit values } fragment LookedAt on LookedAt { id whyNot sides { ...ConnectionsSeen } } fragment ConnectionsSeen on ConnectionsSeen { side host at open states { state count } closed connections { ...OneConnection } whyNot } fragment OneConnection on Connection { local remote pid process state troubles label ended openedAt closedAt countedSince writeCalls writeBytes readCalls readBytes bytesRate srttUs rttvarUs minRttUs segmentsOut retransmitted lost outOfOrder zeroWindowProbes unackedBytes unreadBytes busyUs rwndLimitedUs sndbufLimitedUs } fragment ProcessDetail on Process { id name service layer detectType host pids container cgroup executable commandLine started labels { name value } attributes { name value } firstSeen lastSeen listeners(window: $window) { ...Listening } tlsVisibility } fragment Listening on Listener { address queue limit overflows synacksRetransmitted } fragment OnAxis on Timeline { window { from to seconds } step at rate failed seen }" };

export type CompareViewAnswer = HealthBar & { compare: { a: { from: string; to: string; seconds: number }; b: { from: string; to: string; seconds: number }; lines: Changed[]; compared: number; figures: number; completenessA: Seen[]; completenessB: Seen[] }; topology: WholeTopology; timeline?: OnAxis };

export type CompareViewAsked = { instance: string; a: WindowInput; b: WindowInput; axis: WindowInput; timeline: boolean };

export const CompareView: Question<CompareViewAnswer, CompareViewAsked> = { name: "CompareView", text: "query CompareView($instance: ID!, $a: WindowInput!, $b: WindowInput!, $axis: WindowInput!, $timeline: Boolean!) { ...HealthBar compare(instance: $instance, a: $a, b: $b) { a { from to seconds } b { from to seconds } lines { ...Changed } compared figures completenessA { ...Seen } completenessB { ...Seen } } topology(instance: $instance, window: $b) { ...WholeTopology } timeline(instance: $instance, window: $axis) @include(if: $timeline) { ...OnAxis } } fragment HealthBar on Query { me { name role } agents { ...AgentSeen } server { version spooled spooledBytes setAside trouble } } fragment AgentSeen on Agent { host version lastSeen skewMs probes { metric rung hook whyNot } } fragment Changed on Change { edge clientName serverName label kind metric a b change direction sure sentence } fragment Seen on Completeness { host secondsAsked secondsRecorded gaps { from seconds cause } amounts { name value } } fragment WholeTopology on Topology { instance { ...Place } window { from to seconds } step nodes { ...TopologyNode } groups { ...TopologyGroup } edges { ...TopologyLine } completeness { ...Seen } agentSilentSeconds places { inside } } fragment Place on Instance { id name host layers processes service { id name layers } task { ...TaskRow } } fragment TaskRow on Task { id instance service instanceName owner state createdAt tracedAt endsAt endedAt stoppedBy durationSeconds rules { path minDurationMs status4xx status5xx } processes notTraced { process why } hosts events { at kind who detail } } fragment TopologyNode on Node { id name inside kind ordinal address service instance group pids process { id host container commandLine name } } fragment TopologyGroup on Group { id name kind side ordinal } fragment TopologyLine on TopologyEdge { id client server address port transport protocol security securitySource label state reasons brief since rate bytesRate p99Ns retransmitShare connections { opened closed active failed { reason count } } seenShare clientSeen serverSeen overflow lastTraffic metrics { side metric count bytes rate averageNs p99Ns whyNot } } fragment OnAxis on Timeline { window { from to seconds } step at rate failed seen }" };

export type MeshViewAnswer = HealthBar & { mesh: WholeMesh; meshPods?: WholeMesh; timeline?: OnAxis };

export type MeshViewAsked = { window: WindowInput; axis: WindowInput; namespace?: string | null; service: string; pods: boolean; timeline: boolean };

export const MeshView: Question<MeshViewAnswer, MeshViewAsked> = { name: "MeshView", text: "query MeshView($window: WindowInput!, $axis: WindowInput!, $namespace: String, $service: ID!, $pods: Boolean!, $timeline: Boolean!) { ...HealthBar mesh(window: $window, namespace: $namespace) { ...WholeMesh } meshPods(service: $service, window: $window) @include(if: $pods) { ...WholeMesh } timeline(window: $axis) @include(if: $timeline) { ...OnAxis } } fragment HealthBar on Query { me { name role } agents { ...AgentSeen } server { version spooled spooledBytes setAside trouble } } fragment AgentSeen on Agent { host version lastSeen skewMs probes { metric rung hook whyNot } } fragment WholeMesh on Mesh { window { from to seconds } seconds services { id name namespace layer ordinal instances requests errors rate p99Ns state reasons } lines { ...MeshLineRow } proxies proxiesSilent entries lastEntry } fragment MeshLineRow on MeshLine { id client server protocol security label requests rate errors errorShare byStatus { reason count } byFlag { reason count } retries bytesIn bytesOut connections latency { part side averageNs percentiles } state reasons clientSeen serverSeen instances { client server requests errors } } fragment OnAxis on Timeline { window { from to seconds } step at rate failed seen }" };

export type ReportAnswer = { edges: { edges: LineDetail[] }; metrics: ({ name: string; unit: string; sentence: string })[]; agents: AgentSeen[] };

export type ReportAsked = { window: WindowInput };

export const Report: Question<ReportAnswer, ReportAsked> = { name: "Report", text: "query Report($window: WindowInput!) { edges(window: $window, limit: 2000) { edges { ...LineDetail } } metrics { name unit sentence } agents { ...AgentSeen } } fragment LineDetail on Edge { id client { ...LineEnd } server { ...LineEnd } transport protocol security label tls { sni alpn } connections { opened closed active failed { reason count } } clientSide { ...LineSide } serverSide { ...LineSide } } fragment LineEnd on End { id process service instance container pids address listen } fragment LineSide on Side { metrics { metric count bytes rate bytesRate timeNs callNs queueNs timed averageNs percentiles reasons { reason count } whyNot } tcp { name unit value } } fragment AgentSeen on Agent { host version lastSeen skewMs probes { metric rung hook whyNot } }" };

export type TasksAnswer = HealthBar & { tasks: TaskRow[] };

export type TasksAsked = Record<string, never>;

export const Tasks: Question<TasksAnswer, TasksAsked> = { name: "Tasks", text: "query Tasks { ...HealthBar tasks(limit: 200) { ...TaskRow } } fragment HealthBar on Query { me { name role } agents { ...AgentSeen } server { version spooled spooledBytes setAside trouble } } fragment AgentSeen on Agent { host version lastSeen skewMs probes { metric rung hook whyNot } } fragment TaskRow on Task { id instance service instanceName owner state createdAt tracedAt endsAt endedAt stoppedBy durationSeconds rules { path minDurationMs status4xx status5xx } processes notTraced { process why } hosts events { at kind who detail } }" };

export type ProfilingAnswer = HealthBar & { instance: Place & { health: HealthNow } | null; tasks: TaskRow[] };

export type ProfilingAsked = { instance: string };

export const Profiling: Question<ProfilingAnswer, ProfilingAsked> = { name: "Profiling", text: "query Profiling($instance: ID!) { ...HealthBar instance(id: $instance) { ...Place health { ...HealthNow } } tasks(instance: $instance, limit: 100) { ...TaskRow } } fragment HealthBar on Query { me { name role } agents { ...AgentSeen } server { version spooled spooledBytes setAside trouble } } fragment AgentSeen on Agent { host version lastSeen skewMs probes { metric rung hook whyNot } } fragment Place on Instance { id name host layers processes service { id name layers } task { ...TaskRow } } fragment TaskRow on Task { id instance service instanceName owner state createdAt tracedAt endsAt endedAt stoppedBy durationSeconds rules { path minDurationMs status4xx status5xx } processes notTraced { process why } hosts events { at kind who detail } } fragment HealthNow on Health { state reasons rate bytesRate p99Ns since lines }" };

export type CreateTaskAnswer = { createTask: TaskRow };

export type CreateTaskAsked = { instance: string; durationSeconds: number; rules: RuleInput[] };

export const CreateTask: Question<CreateTaskAnswer, CreateTaskAsked> = { name: "CreateTask", text: "mutation CreateTask($instance: ID!, $durationSeconds: Int!, $rules: [RuleInput!]!) { createTask( instance: $instance durationSeconds: $durationSeconds rules: $rules ) { ...TaskRow } } fragment TaskRow on Task { id instance service instanceName owner state createdAt tracedAt endsAt endedAt stoppedBy durationSeconds rules { path minDurationMs status4xx status5xx } processes notTraced { process why } hosts events { at kind who detail } }" };

export type ExtendTaskAnswer = { extendTask: TaskRow };

export type ExtendTaskAsked = { id: string; seconds: number };

export const ExtendTask: Question<ExtendTaskAnswer, ExtendTaskAsked> = { name: "ExtendTask", text: "mutation ExtendTask($id: ID!, $seconds: Int!) { extendTask(id: $id, seconds: $seconds) { ...TaskRow } } fragment TaskRow on Task { id instance service instanceName owner state createdAt tracedAt endsAt endedAt stoppedBy durationSeconds rules { path minDurationMs status4xx status5xx } processes notTraced { process why } hosts events { at kind who detail } }" };

export type StopTaskAnswer = { stopTask: TaskRow };

export type StopTaskAsked = { id: string };

export const StopTask: Question<StopTaskAnswer, StopTaskAsked> = { name: "StopTask", text: "mutation StopTask($id: ID!) { stopTask(id: $id) { ...TaskRow } } fragment TaskRow on Task { id instance service instanceName owner state createdAt tracedAt endsAt endedAt stoppedBy durationSeconds rules { path minDurationMs status4xx status5xx } processes notTraced { process why } hosts events { at kind who detail } }" };
