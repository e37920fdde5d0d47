/** Who may send events to a collector. */
export type CollectorAccess =
  /** Programs with a role: requests are signed (Signature Version 4). */
  | { readonly kind: 'iam' }
  /**
   * Whoever has one of the write keys in the source's secret: browsers, which cannot sign, and programs without a role.
   * A key in a page is read by everybody who looks; it lets write events of this one dataset, and nothing else.
   */
  | {
      readonly kind: 'write_key';
      /** The pages that may send, as a browser names them: `https://shop.example.com`. Empty: programs only. */
      readonly origins: readonly string[];
    };

/** An HTTP endpoint that takes events and puts them on a stream. */
export interface CollectorSource {
  readonly kind: 'collector';
  readonly name: string;
  readonly dataset: string;
  /** @default { kind: 'iam' } */
  readonly access?: CollectorAccess;
}

/** A collector whose senders have a write key. */
export type KeyedCollector = CollectorSource & { readonly access: CollectorAccess & { readonly kind: 'write_key' } };
export const isKeyed = (source: CollectorSource): source is KeyedCollector => source.access?.kind === 'write_key';

/**
 * @throws Error naming the file and the origin, when one is not as a browser writes it: a browser's `Origin` is compared
 * with it, character for character.
 * @see https://www.rfc-editor.org/rfc/rfc6454#section-6.2
 */
export function checkCollectorSource(source: CollectorSource): void {
  if (!isKeyed(source)) return;
  const { origins } = source.access;
  const wrong = origins.find((origin, i) => !isOrigin(origin) || origins.indexOf(origin) < i);
  if (wrong === undefined) return;
  throw new Error(
    `sources/${source.name}.ts: access.origins has ${JSON.stringify(wrong)}; allowed is each origin once, such as ` +
      'https://shop.example.com: a scheme and a host, in lower case, without a path, a slash at the end or an asterisk ' +
      '(http for localhost and 127.0.0.1 only)',
  );
}

function isOrigin(text: string): boolean {
  if (text.includes('*') || !URL.canParse(text)) return false;
  const { origin, protocol, hostname } = new URL(text);
  return (
    origin === text && (protocol === 'https:' || (protocol === 'http:' && /^(localhost|127\.0\.0\.1)$/.test(hostname)))
  );
}
