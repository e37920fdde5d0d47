import { z } from 'zod';

/** HTTPS, but on this machine itself. */
const url = z
  .url({ protocol: /^https?$/, error: 'a URL such as https://api.example.com/v1' })
  .refine(
    (text) => text.startsWith('https://') || /^http:\/\/127\.0\.0\.1[:/]/.test(text),
    'https:// (http only to 127.0.0.1)',
  )
  .refine(
    (text) => !/[?#@]/.test(text),
    'a URL without query, fragment and credentials; those stand in the source and its secret',
  );

/** The REST API behind each source of that kind, by the source's name. @default {} */
export const apis = z.record(z.string(), z.strictObject({ url })).default({});
