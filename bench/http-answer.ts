const HEAD_END = Buffer.from("\r\n\r\n");
const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/**
 * The status of an answer once all of it is there; null until then.
 * @throws when neither length nor chunks say where the answer ends
 */
export function readAnswer(received: Buffer): { status: number } | null {
  const headEnd = received.indexOf(HEAD_END);
  if (headEnd < 0) return null;
  const head = received.toString("latin1", 0, headEnd).toLowerCase();
  const body = received.subarray(headEnd + HEAD_END.length);
  const status = Number(head.slice(9, 12));
  const length = /\r\ncontent-length: *(\d+)/.exec(head);
  if (length) return body.length >= Number(length[1]) ? { status } : null;
  if (!head.includes("\r\ntransfer-encoding: chunked")) throw new Error("an answer without a length");
  return endsChunks(body) ? { status } : null;
}

function endsChunks(body: Buffer): boolean {
  // Walked chunk by chunk: the bytes of the last chunk's header could also stand in the text.
  for (let at = 0; at < body.length; ) {
    const lineEnd = body.indexOf("\r\n", at);
    if (lineEnd < 0) return false;
    const size = Number.parseInt(body.toString("latin1", at, lineEnd), 16);
    if (size === 0) return body.subarray(at).equals(LAST_CHUNK);
    at = lineEnd + 2 + size + 2;
  }
  return false;
}
