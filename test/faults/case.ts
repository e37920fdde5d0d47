import type { World } from './world';

/** One way in which things go wrong, on tables of its own. */
export interface Case {
  /** As `--case` names it. */
  readonly name: string;
  /** Its tables at the source, each with its columns in SQL; a table without a primary key tells whole rows to its log. */
  readonly tables: Readonly<Record<string, string>>;
  /** What happens, in a sentence. */
  readonly what: string;
  /** What AWS or the library promises, or does not; and where it says so. */
  readonly promised: { readonly text: string; readonly source: string };
  /** What the platform does about it, in a sentence. */
  readonly answer: string;
  /** Whether gold's tables of it are built anew, for their columns change. @default false */
  readonly changesColumns?: boolean;
  /**
   * Lets it go wrong, and then lets everything come to rest: its tables are compared with silver when it returns.
   * @throws Error when something did not happen that had to: a fault, a loud failure
   */
  readonly run: (world: World) => Promise<void>;
}
