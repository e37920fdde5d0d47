import { PARTS, type Happened, type Sample } from './sample';

/** The plot of a soak, as SVG: memory, files and how far silver is behind, over time, with a mark for each fault. */

interface Line {
  readonly name: string;
  /** `y` undefined: not known, and the line has a gap. */
  readonly points: readonly { readonly x: number; readonly y: number | undefined }[];
}

interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
}

/** Told apart by the colour-blind, too (Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const [LEFT, RIGHT, TOP, HEIGHT, GAP, BOTTOM] = [70, 50, 176, 200, 56, 44];
/** Pixels from one name of a fault to the next, so that both can be read. */
const APART = 12;
const LEAST_WIDTH = 900;

/** A round step, of which no more than `most` make up a value. */
export function step(value: number, most: number): number {
  for (let unit = 1; ; unit *= 10) {
    const found = [1, 2, 5].find((round) => value / (round * unit) <= most);
    if (found) return found * unit;
  }
}

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const text = (x: number, y: number, content: string, more = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escape(content)}</text>`;

const rule = (x1: number, y1: number, x2: number, y2: number, colour: string): string =>
  `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="${colour}"/>`;

function path({ points }: Line, x: (seconds: number) => number, y: (value: number) => number): string {
  let pen = 'M';
  return points
    .map((point) => {
      if (point.y === undefined) {
        pen = 'M';
        return '';
      }
      const drawn = `${pen}${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`;
      pen = 'L';
      return drawn;
    })
    .join('');
}

function panel({ title, lines }: Panel, top: number, end: number, x: (seconds: number) => number): string {
  const values = lines.flatMap(({ points }) => points.flatMap(({ y }) => y ?? []));
  const unit = step(Math.max(1, ...values), 5);
  const most = Math.ceil(Math.max(1, ...values) / unit) * unit;
  const y = (value: number): number => top + HEIGHT - (value / most) * HEIGHT;
  const ticks = Array.from({ length: most / unit + 1 }, (_, at) => at * unit);
  let at = LEFT + 12 + title.length * 7.5;
  const legend = lines.map(({ name }, index) => {
    const mark = `<rect x="${at.toFixed(1)}" y="${top - 19}" width="14" height="4" fill="${COLOURS[index % COLOURS.length]}"/>`;
    const label = text(at + 18, top - 12, name);
    at += 40 + name.length * 6.6;
    return mark + label;
  });
  return [
    text(LEFT, top - 12, title, 'font-weight="bold"'),
    ...legend,
    ...ticks.map((value) => rule(LEFT, y(value), x(end), y(value), value === 0 ? '#444' : '#ddd')),
    ...ticks.map((value) => text(LEFT - 8, y(value) + 4, value.toLocaleString('en'), 'text-anchor="end"')),
    ...lines.map(
      (line, index) =>
        `<path d="${path(line, x, y)}" fill="none" stroke="${COLOURS[index % COLOURS.length]}" stroke-width="1.6" stroke-linejoin="round"/>`,
    ),
  ].join('\n');
}

/** Each fault: a band from its beginning to its end through all panels, and its name above them. */
function marks(faults: readonly Happened[], bottom: number, x: (seconds: number) => number): string {
  return faults
    .map(({ name, from, to }) => {
      const at = x(from);
      const wide = Math.max(1.5, x(to) - at);
      const band = `<rect x="${at.toFixed(1)}" y="${TOP - 30}" width="${wide.toFixed(1)}" height="${bottom - TOP + 30}" fill="#888" fill-opacity="0.16"/>`;
      return band + text(at + 4, TOP - 36, name, `transform="rotate(-60 ${(at + 4).toFixed(1)} ${TOP - 36})"`);
    })
    .join('\n');
}

const series = (
  samples: readonly Sample[],
  names: readonly string[],
  of: (sample: Sample, name: string) => number | undefined,
): Line[] => names.map((name) => ({ name, points: samples.map((each) => ({ x: each.seconds, y: of(each, name) })) }));

const known = (samples: readonly Sample[], of: (sample: Sample) => object): string[] =>
  [...new Set(samples.flatMap((each) => Object.keys(of(each))))].sort();

/** @returns the SVG, wide enough that the names of faults can be read */
export function plot(samples: readonly Sample[], faults: readonly Happened[]): string {
  const end = Math.max(60, samples.at(-1)?.seconds ?? 0, ...faults.map(({ to }) => to));
  const starts = faults.map(({ from }) => from);
  const closest = Math.min(end, ...starts.slice(1).map((from, at) => from - starts[at]));
  const wide = Math.max(LEAST_WIDTH, (end / Math.max(1, closest)) * APART);
  const x = (seconds: number): number => LEFT + (seconds / end) * wide;
  const panels: Panel[] = [
    { title: 'memory, MiB', lines: series(samples, PARTS, ({ memory }, part) => memory[part]?.mebibytes) },
    {
      title: 'files of data and of deletes',
      lines: series(
        samples,
        known(samples, ({ tables }) => tables),
        ({ tables }, name) => (tables[name] ? tables[name].data_files + tables[name].delete_files : undefined),
      ),
    },
    {
      title: 'seconds that silver is behind',
      lines: series(
        samples,
        known(samples, ({ behind }) => behind),
        ({ behind }, name) => behind[name],
      ),
    },
  ];
  const topOf = (index: number): number => TOP + index * (HEIGHT + GAP);
  const bottom = topOf(panels.length - 1) + HEIGHT;
  const minutes = step(end / 60, 15);
  const times = Array.from({ length: Math.floor(end / 60 / minutes) + 1 }, (_, at) => at * minutes);
  const [width, height] = [LEFT + wide + RIGHT, bottom + BOTTOM];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width.toFixed(0)}" height="${height}" font-family="sans-serif" font-size="12" fill="#222">
<rect width="100%" height="100%" fill="#fff"/>
${marks(faults, bottom, x)}
${panels.map((each, index) => panel(each, topOf(index), end, x)).join('\n')}
${times.map((time) => text(x(time * 60), bottom + 18, `${time}`, 'text-anchor="middle"')).join('\n')}
${text(LEFT + wide / 2, bottom + 36, 'minutes', 'text-anchor="middle"')}
</svg>
`;
}
