import { putAll, type Stream } from '../shared/put';
import { linesOf, mark, type Errors } from './objects';
import { readLine } from './lines';

/** A line that could not be read. */
export interface Unreadable {
  readonly key: string;
  /** From 1. */
  readonly line: number;
  readonly reason: string;
}

/** What became of one object. */
export interface Replayed {
  readonly records: number;
  readonly unreadable: readonly Unreadable[];
}

/** Records, and about how many bytes of them, that are held at once. */
const [AT_ONCE, BYTES_AT_ONCE] = [500, 4 * 1024 * 1024];

/**
 * Puts every record of an object on the stream, then marks the object: killed between the two, it is replayed once more,
 * which changes nothing. An object of which nothing can be read stays as it is.
 * @param stream undefined: count, and change nothing
 */
export async function replayObject(errors: Errors, key: string, stream: Stream | undefined): Promise<Replayed> {
  const unreadable: Unreadable[] = [];
  const left: string[] = [];
  let held: Uint8Array[] = [];
  let [line, records, bytes] = [0, 0, 0];
  const put = async (): Promise<void> => {
    if (stream) await putAll(stream, held);
    records += held.length;
    [held, bytes] = [[], 0];
  };
  for await (const text of linesOf(errors, key)) {
    line += 1;
    const read = readLine(text);
    if ('reason' in read) {
      unreadable.push({ key, line, reason: read.reason });
      left.push(text);
      continue;
    }
    held.push(read.record);
    bytes += read.record.length;
    if (held.length === AT_ONCE || bytes > BYTES_AT_ONCE) await put();
  }
  await put();
  if (stream && records > 0) await mark(errors, key, left);
  return { records, unreadable };
}
