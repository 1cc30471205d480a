import { BURST_LINE_BYTES, judgeBurst } from "./burst-lines.ts";
import type { CrowdViewer } from "./crowd-viewer.ts";
import type { ConsoleTarget, ViewerBurst } from "./jobs.ts";

interface Text {
  offset: number;
  bytes: Buffer;
}

/**
 * Fills the viewer's stated gaps from history, which counts as part of its time, and judges the whole.
 * @param start offset of the burst's first byte
 */
export async function judgeViewer(
  viewer: CrowdViewer,
  target: ConsoleTarget,
  start: number,
  lines: number,
): Promise<ViewerBurst & { endedAt: number }> {
  const end = start + lines * BURST_LINE_BYTES;
  const texts: Text[] = [];
  for (const gap of viewer.gaps) texts.push(...(await history(target, gap.from, Math.min(gap.to, end))));
  const endedAt = viewer.gaps.length > 0 ? performance.now() : viewer.lastAt;
  for (const piece of viewer.pieces) {
    const { data } = JSON.parse(piece.frame.toString()) as { data: string };
    texts.push({ offset: piece.offset, bytes: Buffer.from(data) });
  }
  // A viewer puts text where its offset says; what came in a wrong order was counted as a fault when it came.
  texts.sort((a, b) => a.offset - b.offset);
  const whole = texts.map(({ offset, bytes }) =>
    bytes.subarray(Math.max(0, start - offset), Math.max(0, end - offset)),
  );
  return {
    ...judgeBurst(Buffer.concat(whole).toString(), lines),
    linesPerSecond: (lines / (endedAt - viewer.firstAt)) * 1000,
    gaps: viewer.gaps.length,
    gapBytes: viewer.gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0),
    faults: viewer.faults,
    endedAt,
  };
}

async function history(target: ConsoleTarget, from: number, to: number): Promise<Text[]> {
  if (!target.panel) throw new Error("a bare relay has no history");
  const texts: Text[] = [];
  for (let at = from; at < to; ) {
    const url = `${target.panel.url}/api/servers/${target.serverId}/logs?from=${at}&limit=${Math.min(to - at, 1024 * 1024)}`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${target.panel.token}` } });
    const { data } = (await response.json()) as { data: { data: string; from: number; to: number } };
    if (data.from !== at || data.to <= at) throw new Error(`history answered ${data.from} to ${data.to} for ${at}`);
    texts.push({ offset: at, bytes: Buffer.from(data.data) });
    at = data.to;
  }
  return texts;
}
