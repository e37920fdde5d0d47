import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { AwsClient } from 'aws4fetch';
import { JARS, ROOT, SetupError, venv } from './toolchain';

/** The account and region that the emulator plays. */
export const ACCOUNT = '000000000000';
export const REGION = 'us-east-1';

/** Anybody's: the emulator checks signatures, not who signed. */
export const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

/** What any AWS SDK or CLI needs to talk to the emulator instead of AWS. */
export const awsEnvironment = (endpoint: string): Record<string, string> => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: REGION,
  AWS_DEFAULT_REGION: REGION,
});

/** Signs requests as the API's clients do on AWS (IAM, Signature Version 4). */
export const signer = (): AwsClient =>
  new AwsClient({ accessKeyId: 'test', secretAccessKey: 'test', region: REGION, service: 'execute-api' });

/** A program of the Python environment that lives as long as we hold its standard input. */
export interface Part {
  readonly pid: number;
  /** Resolves with the code when the process has ended. */
  readonly ended: Promise<number>;
  stop(): Promise<void>;
}

/** Starts a script of `local/`. @param onLine gets each line that it prints; all of them go to the log */
export function startPart(
  script: string,
  args: readonly string[],
  log: string,
  onLine: (line: string) => void,
  firstLine?: string,
): Part {
  const child: ChildProcess = spawn(venv('python'), [join(ROOT, 'local', script), ...args], {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'pipe'],
    // A group of its own: Ctrl-C reaches us alone, and we stop the parts in order.
    detached: true,
    env: { ...process.env, ...awsEnvironment(''), AWS_ENDPOINT_URL: undefined, PYTHONDONTWRITEBYTECODE: '1' },
  });
  const file = createWriteStream(log, { flags: 'a' });
  child.stderr?.pipe(file, { end: false });
  let rest = '';
  child.stdout?.on('data', (data: Buffer) => {
    file.write(data);
    const lines = (rest + data.toString()).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  });
  child.stdin?.on('error', () => undefined);
  if (firstLine !== undefined) child.stdin?.write(`${firstLine}\n`);
  const ended = new Promise<number>((done) => child.on('exit', (code) => done(code ?? 1)));
  return {
    pid: child.pid ?? 0,
    ended,
    stop: async () => {
      child.stdin?.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
      file.end();
    },
  };
}

/** Starts the warm Spark session that plays Glue. @param port to listen on; 0: any @returns its address, and the part */
export async function startSpark(
  endpoint: string,
  log: string,
  memory: string,
  scratch: string,
  port = 0,
): Promise<{ url: string; part: Part }> {
  let part: Part | undefined;
  const listening = await new Promise<string>((found, failed) => {
    part = startPart('spark_worker.py', [endpoint, JARS, memory, scratch, `${port}`], log, (line) => {
      const match = /^listening (\d+)$/.exec(line);
      if (match) found(match[1]);
    });
    void part.ended.then((code) => failed(new SetupError(`Spark ended with code ${code}: see ${log}`)));
  });
  return { url: `http://127.0.0.1:${listening}`, part: part as Part };
}

/** What `local/emulator.py` is told (its `Settings`). */
export interface EmulatorSettings {
  readonly port: number;
  readonly state: string;
  readonly region: string;
  readonly account: string;
  readonly worker: string;
  readonly source_dsns: Record<string, string>;
  readonly warehouse_dsn: string;
  readonly silver_database: string;
  readonly contracts: string;
  readonly auth: boolean;
  readonly capture_dsns: Record<string, string>;
}

/** Starts the emulator and waits until it answers. */
export async function startEmulator(settings: EmulatorSettings, log: string): Promise<Part> {
  // Not as an argument, which every user of the machine may read: a source's address has a password.
  const part = startPart('emulator.py', [], log, () => undefined, JSON.stringify(settings));
  let code: number | undefined;
  void part.ended.then((ended) => (code = ended));
  for (let waited = 0; waited < 60_000; waited += 100) {
    if (code !== undefined) throw new SetupError(`The emulator ended with code ${code}: see ${log}`);
    const answer = await fetch(`http://127.0.0.1:${settings.port}/_ministack/health`).catch(() => undefined);
    if (answer?.ok) return part;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new SetupError(`The emulator did not answer within a minute: see ${log}`);
}

/** Asks the emulator for what AWS does by itself, and for faults (`local/patches/own_requests.py`). @returns its answer */
export async function tell(
  endpoint: string,
  request: 'snapshot' | 'flush' | 'save' | 'dms' | 'faults',
  body: object = {},
): Promise<unknown> {
  const answer = await fetch(`${endpoint}/_moraine/${request}`, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`/_moraine/${request} answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}
