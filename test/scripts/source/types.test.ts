import { typeOf, valuesOf } from '../../../scripts/source/types';

const column = (type: string, labels: string[] = []) => ({ name: 'c', type, labels, required: false, comment: '' });

test.each([
  ['boolean', 'boolean'],
  ['smallint', 'int'],
  ['integer', 'int'],
  ['bigint', 'bigint'],
  ['real', 'double'],
  ['double precision', 'double'],
  ['numeric(12,2)', 'decimal(12,2)'],
  ['numeric(38,38)', 'decimal(38,38)'],
  ['date', 'date'],
  ['timestamp without time zone', 'timestamp'],
  ['timestamp(3) with time zone', 'timestamptz'],
  ['character varying(20)', 'varchar(20)'],
  ['character varying(16384)', 'varchar(16384)'],
  ['character(3)', 'varchar(3)'],
])('%s is %s, with nothing to say', (type, physical) => {
  expect(typeOf(column(type))).toMatchObject({ physical });
  expect(typeOf(column(type))?.remark).toBeUndefined();
});

test.each([
  ['text', 'varchar(16384)', /^text: .*a longer value goes to quarantine/],
  ['character varying', 'varchar(16384)', /^character varying without a limit: .*quarantine/],
  ['character varying(16385)', 'varchar(16384)', /^character varying\(16385\): .*quarantine/],
  ['numeric', 'varchar(16384)', /^numeric without a precision has no word/],
  ['numeric(39,2)', 'varchar(42)', /^numeric\(39,2\) has no word/],
  ['numeric(5,-2)', 'varchar(10)', /^numeric\(5,-2\) has no word/],
  ['numeric(3,5)', 'varchar(8)', /^numeric\(3,5\) has no word/],
  ['uuid', 'varchar(36)', /^uuid has no word in contracts: varchar\(36\), as PostgreSQL prints it$/],
  ['time(3) without time zone', 'varchar(15)', /^time without time zone has no word/],
  ['interval', 'varchar(16384)', /^interval has no word/],
  ['jsonb', 'varchar(16384)', /^jsonb has no word/],
  ['integer[]', 'varchar(16384)', /^integer\[\] has no word/],
  ['numeric(10,2)[]', 'varchar(16384)', /^numeric\(10,2\)\[\] has no word/],
  ['geo.point', 'varchar(16384)', /^geo\.point has no word/],
])('%s becomes %s, and that is said', (type, physical, remark) => {
  expect(typeOf(column(type))).toMatchObject({
    logical: 'string',
    physical,
    remark: expect.stringMatching(remark) as string,
  });
});

test('an enum is as long as its longest label', () => {
  expect(typeOf(column('loan_state', ['lent', 'returned']))).toEqual({ logical: 'string', physical: 'varchar(8)' });
});

test('binary data have no type', () => {
  expect(typeOf(column('bytea'))).toBeUndefined();
});

// As PostgreSQL 18 prints them (pg_get_constraintdef).
test.each([
  [`CHECK (((level)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))`, ['a', 'b']],
  [`CHECK ((name = ANY (ARRAY['a'::text, 'b,c''d'::text])))`, ['a', "b,c'd"]],
  [`CHECK ((name = ANY (ARRAY['x] y'::text, ''::text])))`, ['x] y', '']],
  [`CHECK (((level)::text = 'guest'::text))`, ['guest']],
  [`CHECK ((visits = ANY (ARRAY[1, 2])))`, undefined],
  [`CHECK (((level)::text <> ALL ((ARRAY['a'::character varying, 'b'::character varying])::text[])))`, undefined],
  [`CHECK ((lower(name) = ANY (ARRAY['a'::text, 'b'::text])))`, undefined],
  [`CHECK ((((level)::text = ANY (ARRAY['a'::text, 'b'::text])) AND (name > ''::text)))`, undefined],
  [`CHECK (((name)::text > 'a'::text))`, undefined],
])('%s allows %j', (definition, values) => {
  expect(valuesOf(definition)).toEqual(values);
});
