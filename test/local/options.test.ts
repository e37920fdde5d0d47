import { createServer, type AddressInfo } from 'node:net';
import { checkPorts, parseOptions, portsFrom } from '../../local/options';
import { findPython, SetupError } from '../../local/toolchain';

test.each([
  [['--orders', 'many'], /--orders is "many": a whole number from 1 to 20000000 is allowed/],
  [['--orders', '0'], /--orders is "0"/],
  [['--port', '80'], /--port is "80": a whole number from 1024 to 65000 is allowed/],
  [['--changes=-1'], /--changes is "-1": a whole number from 0 to 10000 is allowed/],
  [['--live', '1h'], /--live is "1h": a whole number from 0 to 3600 is allowed/],
  [['--order', '5'], /Unknown option '--order'.*Known are --orders N/],
])('%j gets one line that says what is allowed', (args, message) => {
  const error = (() => {
    try {
      return parseOptions(args);
    } catch (caught) {
      return caught as Error;
    }
  })();
  expect(error).toBeInstanceOf(SetupError);
  expect((error as Error).message).toMatch(message);
  expect((error as Error).message).not.toContain('\n');
});

test('defaults: 100,000 orders, port 4500, serve until Ctrl-C', () => {
  expect(parseOptions([])).toMatchObject({ size: 100_000, port: 4500, exit: false });
});

test('a taken port is named, with the way out', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => other.once('listening', done));
  const { port } = other.address() as AddressInfo;
  const checked = checkPorts(portsFrom(port)).finally(() => other.close());
  await expect(checked).rejects.toThrow(
    `Port ${port} (api) is taken: end what listens there, or choose 5 free ports with --port N (N to N+4)`,
  );
});

test('a missing Python is told in one line', () => {
  expect(() => findPython(['no-such-python'])).toThrow(/^Python 3\.11 is missing \(no Python found\): install it/);
});

test('a Python of another version is told with what was found', () => {
  const node = process.execPath; // answers something that is no Python version
  expect(() => findPython([node])).toThrow(/^Python 3\.11 is missing/);
});
