import { expect, test } from "vitest";
import { progressWords, readProgress } from "./pull-progress.ts";

const bar = (full: number) => `|\u001b[32m${"+".repeat(full)}\u001b[0m${"-".repeat(38 - full)}|`;
/** As nerdctl 2.3.5 prints it. */
const picture = (first: string, second: string, total: string) =>
  `127.0.0.1:1/games/echo:1\tfetching image content\t
└──manifest-sha256:96b9de46356d41f91da32\tcomplete   \t${bar(38)}\t
   ├──config-sha256:75c823bd91224d820271\tcomplete   \t${bar(38)}\t
   ├──layer-sha256:c2d4ac8556e48ce4ce851\t${first}\t
   └──layer-sha256:10c38526da775112f094e\t${second}\t
Pulling from OCI Registry (127.0.0.1:1/games/echo:1)\telapsed: 1.8 s\ttotal:  ${total}\t(2.7 MiB/s)\t\n`;

test("layers count alike, and what was seen stays", () => {
  const known = new Map<string, number>();
  const waiting = `waiting    \t${bar(0)}`;
  expect(readProgress(picture(waiting, waiting, "0.0 B"), known)).toEqual({
    layerCount: 2,
    doneCount: 0,
    percent: 0,
    fetched: "0.0 B",
  });
  const half = `downloading\t${bar(19)}\t 1.0 MiB/2.0 MiB`;
  expect(readProgress(picture(half, waiting, "1.0 Mi"), known)).toMatchObject({ percent: 25, fetched: "1.0 MiB" });
  const whole = `extracted  \t${bar(38)}`;
  const piece = picture(whole, `downloading\t${bar(1)}\t 512.0 KiB/5.0 MiB`, "2.5 Mi");
  const progress = readProgress(piece, known)!;
  expect(progress).toMatchObject({ doneCount: 1, percent: 55 });
  expect(progressWords(progress)).toBe("Pulling the image: 55 % (1 of 2 layers, 2.5 MiB fetched).");
  // A piece that is cut in the middle takes nothing back.
  expect(readProgress(piece.slice(0, 150), known)).toMatchObject({ percent: 55, layerCount: 2 });
});

test("other output is no progress", () => {
  expect(readProgress("", new Map())).toBeNull();
  expect(readProgress('time="x" level=fatal msg="layer of cake"', new Map())).toBeNull();
});
