import { stringify } from 'yaml';

/** What dbt needs of a dataset. */
export interface Dataset {
  readonly name: string;
  readonly source: string;
  /** Columns of its contract, in order. */
  readonly columns: readonly string[];
  readonly key: readonly string[];
}

const view = ({ source, name }: Dataset): string => `stg_${source}__${name}`;

/**
 * The dbt files of a dataset, by path: its staging view, and the fact that carries its current rows, so that each row is
 * reconciled. What people ask of it is added by hand.
 */
export function modelsOf(dataset: Dataset): Record<string, string> {
  const fact = `dbt/models/marts/facts/fct_${dataset.name}`;
  return {
    [`dbt/models/staging/${view(dataset)}.sql`]: `{{ current_rows('${dataset.name}') }}\n`,
    [`${fact}.sql`]: sql(dataset),
    [`${fact}.yml`]: yaml(dataset),
  };
}

/** The CTE is not called as the dataset, which may be a word that SQL reserves. */
const sql = (dataset: Dataset): string => `with

{{ changed_or_stale('merged', '${dataset.name}', ref('${view(dataset)}')) }},

final as (

    select
        {{ silver_columns('${dataset.name}') }}

    from merged

)

select * from final
`;

function yaml(dataset: Dataset): string {
  const { name, columns, key } = dataset;
  const hidden = key.filter((each) => !columns.includes(each));
  const model = {
    name: `fct_${name}`,
    description: `Every column of contracts/${name}.odcs.yaml.\nGrain: ${hidden.length > 0 ? 'one row for each row' : `one row for each ${key.join(', ')}`}, as it is now.\n`,
    config: { meta: { reconciles: name } },
    data_tests: [
      {
        same_count_as: { name: `fct_${name}_holds_every_row`, arguments: { other: `ref('${view(dataset)}')` } },
      },
      { unique_together: { name: `fct_${name}_has_each_key_once`, arguments: { columns: key } } },
    ],
    columns: [
      ...columns.map((column) => ({ name: column, description: `{{ doc('${name}__${column}') }}` })),
      ...hidden.map((column) => ({
        name: column,
        data_type: 'varchar(64)',
        description: `{{ doc('${column.slice(1)}') }}`,
      })),
      { name: '_merged_at', data_type: 'timestamptz', description: "{{ doc('merged_at') }}" },
    ],
  };
  return stringify({ models: [model] }, { lineWidth: 0 });
}
