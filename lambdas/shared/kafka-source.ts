/** Topics of Apache Kafka, whose messages are brought to bronze as they come. Which cluster stands in `config/` (`kafka`). */
export interface KafkaSource {
  readonly kind: 'kafka';
  readonly name: string;
  readonly topics: readonly KafkaTopic[];
  /**
   * Raise it when a topic is made anew, gets more partitions, or is to be read again from its beginning: positions of a
   * higher epoch are newer than all of a lower one. @default 1
   */
  readonly epoch?: number;
}

/** A topic, and the dataset that its messages are the changes of. */
export interface KafkaTopic {
  readonly topic: string;
  readonly dataset: string;
  /**
   * - `json`: the value is the row, an object; without a value, the row of the message's key is deleted.
   * - `avro`: the same in Confluent's wire format, by the schemas `contracts/avro/<dataset>.<schema id>.avsc`.
   * - `debezium`: Debezium's envelope in JSON: change data capture, positions are those of the database's log.
   */
  readonly format: 'json' | 'avro' | 'debezium';
}

const FORMATS: readonly string[] = ['json', 'avro', 'debezium'] satisfies KafkaTopic['format'][];

/**
 * Checks a declaration.
 * @throws Error in one line: the value got, the values allowed, what to do.
 */
export function checkKafkaSource({ name, topics, epoch = 1 }: KafkaSource): void {
  const at = `sources/${name}.ts`;
  if (!/^[a-z][a-z0-9_]{0,39}$/.test(name)) {
    throw new Error(
      `${at}: name is ${JSON.stringify(name)}: allowed are up to 40 of a-z, 0-9 and _, a letter first; rename it`,
    );
  }
  if (!Number.isInteger(epoch) || epoch < 1 || epoch > 9999) {
    throw new Error(
      `${at}: epoch is ${JSON.stringify(epoch)}: allowed are whole numbers from 1 to 9999, one more for each new beginning`,
    );
  }
  if (topics.length === 0)
    throw new Error(`${at}: topics is empty: name a topic and its dataset, or remove the source`);
  for (const { topic, format } of topics) {
    if (!/^[A-Za-z0-9._-]{1,249}$/.test(topic)) {
      throw new Error(
        `${at}: topic is ${JSON.stringify(topic)}: allowed are up to 249 letters, digits, dots, _ and -; correct it`,
      );
    }
    if (!FORMATS.includes(format)) {
      const allowed = FORMATS.map((one) => JSON.stringify(one)).join(', ');
      throw new Error(`${at}: format of ${topic} is ${JSON.stringify(format)}: allowed are ${allowed}; use one`);
    }
  }
}
