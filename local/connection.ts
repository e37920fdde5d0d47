import { SetupError } from './toolchain';

/** A PostgreSQL database that somebody gave us. */
export interface Connection {
  /** The whole address, password and all: for drivers only. */
  readonly dsn: string;
  /** Host, port and database: what may be shown. */
  readonly shown: string;
  readonly database: string;
}

/**
 * Reads `postgresql://user:password@host:port/database`, with driver's options after a `?`.
 * @param option what the address was given by, for the message
 * @throws SetupError in one line, which never has the password in it
 * @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 */
export function parseConnection(text: string, option: string): Connection {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const database = url && decoded(url.pathname.slice(1));
  if (!url || !/^postgres(ql)?:$/.test(url.protocol) || !url.hostname || !database || database.includes('/')) {
    throw new SetupError(
      `${option} is not the address of a PostgreSQL database: allowed is postgresql://user:password@host:port/database ` +
        '(special characters of the password as %xx)',
    );
  }
  return { dsn: text, shown: `${url.host}/${database}`, database };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** What a driver said when it could not connect, in one line and without the password. */
export function reason(error: unknown, { dsn }: Connection): string {
  // An address with several IPs fails with an error that has its texts inside.
  const { message, errors, code } = error as { message?: string; errors?: Error[]; code?: string };
  const said = message || errors?.map((one) => one.message).join(', ') || code || 'no answer';
  const { password } = new URL(dsn);
  const secrets = [password, decoded(password) ?? ''].filter((secret) => secret !== '');
  return secrets.reduce((text, secret) => text.replaceAll(secret, '…'), said).replaceAll(/\s+/g, ' ');
}
