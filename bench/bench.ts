/** The world that the measurements share, made when the first of them asks for it. */
import { Panel } from "../tests/world/panel.ts";
import type { Row, SkippedRow } from "./report.ts";

/** One file in `rows/`: measures one or more rows of the table. */
export interface Measurement {
  name: string;
  measure(bench: Bench): Promise<(Row | SkippedRow)[]>;
}

export class Bench {
  #panel: Panel | null = null;

  /** A panel with one agent on the process runtime. */
  async panel(): Promise<Panel> {
    this.#panel ??= await Panel.start();
    return this.#panel;
  }

  /** Takes the place of the panel after a row ended and started it again. */
  replacePanel(panel: Panel): void {
    this.#panel = panel;
  }

  async stop(): Promise<void> {
    await this.#panel?.stop();
    this.#panel = null;
  }
}

export const ms = (value: number): string => (value < 10 ? value.toFixed(1) : value.toFixed(0));
export const count = (value: number): string => Math.round(value).toLocaleString("en-US");
