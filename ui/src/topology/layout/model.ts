/** What the layout is given, and the picture it gives back: plain data, so that both cross a worker's border. */

export type State = "failing" | "slow" | "better" | "healthy" | "none";
export type Side = "client" | "server";

/** A process inside the hexagon. `ordinal`: its place, given by the server and kept. */
export interface Inside {
  readonly id: string;
  readonly name: string;
  readonly sub: string;
  readonly ordinal: number;
}

export interface Member {
  readonly id: string;
  readonly name: string;
  /** Its address, in a row; with its process, on a card of its own. */
  readonly sub: string;
  readonly whole: string;
}

/** Peers outside that share a card. `seat`: its number among the groups of the same side and kind. */
export interface Group {
  readonly id: string;
  readonly name: string;
  readonly sub: string;
  readonly side: Side;
  readonly platform: boolean;
  readonly seat: number;
  readonly members: readonly Member[];
}

/** A line to draw, from client to server: ids of processes or of members of groups. */
export interface Line {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** Of its name and of its label. */
  readonly label: string;
  readonly note: string;
  readonly state: State;
  /** What its width shows, per second. */
  readonly rate: number;
  readonly partial: boolean;
  /** Compared with an earlier window: it is no longer there. */
  readonly gone: boolean;
  /** Seconds of one cycle of its dots; 0: nothing moved lately. */
  readonly cycle: number;
}

export interface Graph {
  /** What the hexagon is. */
  readonly place: "pod" | "host";
  readonly inside: readonly Inside[];
  readonly groups: readonly Group[];
  readonly lines: readonly Line[];
  /** Of a line: it gets its label first. */
  readonly selected: string | null;
  /** Places inside that were ever given. */
  readonly places: number;
  /** Once closed and small, cards stay so. */
  readonly dense: boolean;
  /** Borders of the steps of width, lowest first. */
  readonly steps: readonly number[];
  /** Steps of lines and trunks in the picture before, by id: a step is left only some way beyond its border. */
  readonly before: Readonly<Record<string, number>>;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Left upper corner and size. */
export interface Box extends Point {
  readonly w: number;
  readonly h: number;
}

/** A process: `x`, `y` are its middle. */
export interface Chip extends Box {
  readonly id: string;
  readonly name: string;
  readonly cut: string;
  readonly sub: string;
  readonly state: State;
}

export interface Row {
  readonly id: string;
  readonly name: string;
  readonly cut: string;
  readonly sub: string;
  /** Upper edge. */
  readonly y: number;
  readonly h: number;
  readonly state: State;
}

export interface Card extends Box {
  readonly id: string;
  readonly name: string;
  readonly cut: string;
  readonly sub: string;
  readonly side: Side;
  readonly platform: boolean;
  /** One peer; each member a row; a dot for each member. */
  readonly form: "single" | "open" | "closed";
  readonly rows: readonly Row[];
  readonly dots: readonly State[];
  readonly members: number;
  /** Its one member's id. */
  readonly only: string | null;
  readonly state: State;
}

/** From a gate in the hexagon's wall to a closed card, for all lines of one direction. */
export interface Trunk {
  readonly id: string;
  readonly card: string;
  readonly path: string;
  readonly width: number;
  readonly state: State;
  readonly partial: boolean;
  /** At the card, when the group is the server. */
  readonly head: Head | null;
  readonly gate: Point;
}

export interface Head {
  readonly x: number;
  readonly y: number;
  /** Degrees, clockwise from the right. */
  readonly angle: number;
  readonly length: number;
  readonly half: number;
}

export interface Label extends Box {
  readonly text: string;
  readonly note: string;
}

export interface Wire {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly path: string;
  readonly width: number;
  readonly step: number;
  readonly state: State;
  readonly partial: boolean;
  readonly gone: boolean;
  /** Healthy in a dense picture: drawn lightly. */
  readonly quiet: boolean;
  readonly head: Head | null;
  readonly label: Label | null;
  /** A bad line without room for words. */
  readonly sign: Point | null;
  /** Where a label comes when the line is looked at. */
  readonly middle: Point;
  /** The trunk it runs into. */
  readonly trunk: string | null;
  /** Seconds of one cycle of its dots; 0: nothing moved lately. */
  readonly cycle: number;
}

export interface Picture {
  readonly rings: number;
  readonly dense: boolean;
  readonly pitch: number;
  readonly hexagon: string;
  readonly corner: Point;
  readonly chips: readonly Chip[];
  readonly cards: readonly Card[];
  readonly trunks: readonly Trunk[];
  readonly wires: readonly Wire[];
  readonly box: Box;
  /** Captions over the columns of cards. */
  readonly captions: readonly Caption[];
  /** To be given to the next picture as `before`. */
  readonly steps: Readonly<Record<string, number>>;
}

export interface Caption extends Point {
  readonly text: string;
}
