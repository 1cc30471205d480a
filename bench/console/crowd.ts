import { type ChildProcess, fork } from "node:child_process";
import type { ConsoleTarget, Job, JobAnswer, JobResults } from "./jobs.ts";

/** Viewers in a process of their own, so that this one's work does not delay them. */
export class Crowd {
  /** What the sockets agreed on, such as `permessage-deflate`; empty for none. */
  extensions = "";
  #child: ChildProcess;
  #lastId = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts the process and connects so many viewers to one console. */
  static async join(target: ConsoleTarget, viewers: number): Promise<Crowd> {
    const crowd = new Crowd(fork(new URL("./crowd-process.ts", import.meta.url)));
    try {
      crowd.extensions = (await crowd.do({ kind: "connect", target, viewers })).extensions;
      return crowd;
    } catch (error) {
      crowd.leave();
      throw error;
    }
  }

  /** @throws with the words of the process when the job failed there */
  do<J extends Job>(job: J): Promise<JobResults[J["kind"]]> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const onExit = () => reject(new Error("the viewers' process ended"));
      const onMessage = (answer: JobAnswer) => {
        if (answer.id !== id) return;
        this.#child.off("message", onMessage);
        this.#child.off("exit", onExit);
        if ("error" in answer) reject(new Error(answer.error));
        else resolve(answer.result as JobResults[J["kind"]]);
      };
      this.#child.on("message", onMessage);
      this.#child.once("exit", onExit);
      this.#child.send({ id, job });
    });
  }

  leave(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

/** Runs `work` with a crowd that leaves whatever happens. */
export async function withCrowd<T>(
  target: ConsoleTarget,
  viewers: number,
  work: (crowd: Crowd) => Promise<T>,
): Promise<T> {
  const crowd = await Crowd.join(target, viewers);
  try {
    return await work(crowd);
  } finally {
    crowd.leave();
  }
}
