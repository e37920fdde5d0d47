import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The repo's root. */
export const ROOT = join(__dirname, '..', '..');

/** Text of a Markdown file without its code, which links to nothing. */
export function prose(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
    .replace(/^(```|~~~)[\s\S]*?^\1/gm, '')
    .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()#]/g, ' '));
}

/** The anchors of a Markdown file's headings, as GitHub makes them: a second one of the same name ends in `-1`. */
export function headings(file: string): string[] {
  const seen = new Map<string, number>();
  return [...prose(file).matchAll(/^#{1,6} (.+)$/gm)].map(([, title]) => {
    const anchor = title
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    const times = seen.get(anchor) ?? 0;
    seen.set(anchor, times + 1);
    return times === 0 ? anchor : `${anchor}-${times}`;
  });
}
