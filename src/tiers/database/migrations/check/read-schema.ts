// The picture of a database that the rules judge by (schema.ts), read from the server in a few queries.

import type { OwnerConnection } from '../owner-connection.ts'
import { columnsNotNull, type SchemaBefore, type TableBefore } from './schema.ts'
import { parseExpression, treeOf } from './sql.ts'

export async function readSchema(owner: OwnerConnection): Promise<SchemaBefore> {
  const found = await owner.query<FoundTable>(tablesQuery)
  const tables = new Map<string, TableBefore>()
  const domains = new Map<string, string[]>()
  for (const { schema, name, bytes, kind, columns, checks, checked } of found) {
    const key = `${schema}.${name}`
    const proofs = await Promise.all(
      checks.map(async ({ expression, ...check }) => ({
        ...check,
        columns: columnsNotNull(treeOf(await parseExpression(expression))),
      })),
    )
    tables.set(key, {
      schema,
      name,
      bytes: Number(bytes),
      isPartitioned: kind === 'p',
      columns: new Map(columns.map(({ name, ...column }) => [name, column])),
      proofs: new Map(proofs.flatMap(({ isValid, name, columns }) => (isValid ? [[name, columns]] : []))),
      checked: new Map(checked.map(({ name, columns }) => [name, columns])),
      unproven: new Map(proofs.flatMap(({ isValid, name, columns }) => (isValid ? [] : [[name, columns]]))),
    })
    for (const { domain } of columns) if (domain) domains.set(domain, [...(domains.get(domain) ?? []), key])
  }
  const constrained = await owner.query<{ name: string }>(domainsQuery)
  const indexes = await owner.query<{ key: string; table: string; columns: string[] }>(indexesQuery)
  const volatile = await owner.query<{ name: string }>(volatileQuery)
  return {
    tables,
    indexes: new Map(indexes.map(({ key, ...index }) => [key, index])),
    volatileFunctions: new Set(volatile.map(({ name }) => name)),
    domains: new Map(constrained.map(({ name }) => [name, domains.get(name) ?? []])),
  }
}

interface FoundTable {
  schema: string
  name: string
  kind: string
  bytes: string
  columns: Array<{ name: string; type: string; typmod: number; isNotNull: boolean; domain: string | null }>
  /** CHECK constraints, and NOT NULL constraints that are not valid. */
  checks: Array<{ name: string; expression: string; isValid: boolean }>
  checked: Array<{ name: string; columns: string[] }>
}

const ownSchemas = `n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_t%'`

/** Leaves are counted with their parents; nobody names them in a migration. */
const tablesQuery = `
  SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind,
         coalesce((SELECT sum(pg_total_relation_size(t.relid)) FROM pg_partition_tree(c.oid) t),
                  pg_total_relation_size(c.oid), 0)::text AS bytes,
         (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'type', t.typname, 'typmod', a.atttypmod,
                   'isNotNull', a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid
                     AND k.contype = 'n' AND NOT k.convalidated AND a.attnum = ANY (k.conkey)), 'domain', CASE WHEN t.typtype = 'd' THEN t.typname END)), '[]')
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
         (SELECT coalesce(json_agg(json_build_object('name', k.conname, 'isValid', k.convalidated, 'expression',
                   CASE k.contype WHEN 'c' THEN pg_get_expr(k.conbin, k.conrelid) ELSE format('%I IS NOT NULL', a.attname) END)), '[]')
            FROM pg_constraint k LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
           WHERE k.conrelid = c.oid AND (k.contype = 'c' OR k.contype = 'n' AND NOT k.convalidated)) AS checks,
         (SELECT coalesce(json_agg(json_build_object('name', k.conname, 'columns', ARRAY(
                   SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey)))), '[]')
            FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated) AS checked
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND ${ownSchemas}`

const indexesQuery = `
  SELECT n.nspname || '.' || c.relname AS key, tn.nspname || '.' || t.relname AS table,
         ARRAY(SELECT a.attname::text FROM pg_attribute a
                WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])) AS columns
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid AND NOT c.relispartition
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_namespace tn ON tn.oid = t.relnamespace
   WHERE ${ownSchemas}`

const domainsQuery = `
  SELECT DISTINCT t.typname AS name FROM pg_type t
    JOIN pg_constraint k ON k.contypid = t.oid WHERE t.typtype = 'd'`

const volatileQuery = `SELECT DISTINCT proname AS name FROM pg_proc WHERE provolatile = 'v'`
