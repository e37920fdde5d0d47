/** A parameter of an endpoint: an equality filter on one column of the aggregate. */
export interface EndpointParameter {
  readonly name: string;
  readonly column: string;
  readonly required: boolean;
  /** The values allowed; left out, any value is. */
  readonly values?: readonly string[];
}

/** A column of an endpoint's answer. */
export interface EndpointColumn {
  readonly name: string;
  /** The dbt model's `data_type`, for example `bigint`. */
  readonly type: string;
  readonly description: string;
}

/** An endpoint of the API, declared beside its aggregate in dbt (`config.meta.endpoint` of the model's YAML). */
export interface Endpoint {
  /** Path of the API, below `/analytics/`. */
  readonly path: string;
  readonly summary: string;
  /** The dbt model, a relation of schema `gold`. */
  readonly model: string;
  readonly parameters: readonly EndpointParameter[];
  readonly columns: readonly EndpointColumn[];
  /** Columns that order the answer, each followed by ` desc` if descending. */
  readonly order: readonly string[];
}
