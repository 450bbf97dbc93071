// The reference page of the topology, made from its schema: every key, its default, what it means.

import { z } from 'zod'
import { topologySchema } from './schema.ts'

interface JsonSchema {
  description?: string
  default?: unknown
  type?: string
  enum?: unknown[]
  const?: unknown
  minimum?: number
  maximum?: number
  properties?: Record<string, JsonSchema>
  items?: JsonSchema
  anyOf?: JsonSchema[]
}

/** Markdown: one table row per key. */
export function topologyReference(): string {
  const schema = z.toJSONSchema(topologySchema, { io: 'input' }) as JsonSchema
  const rows = rowsOf(schema, '')
  return ['# The topology', '', '| key | values | default | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

function rowsOf(schema: JsonSchema, prefix: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const path = `${prefix}${key}`
    if (value.properties) return rowsOf(value, `${path}.`)
    const own = `| \`${path}\` | ${valuesOf(value)} | ${defaultOf(value)} | ${value.description ?? ''} |`
    return value.items?.properties ? [own, ...rowsOf(value.items, `${path}[].`)] : [own]
  })
}

function valuesOf({ enum: choices, const: only, type, minimum, maximum, items, anyOf }: JsonSchema): string {
  if (anyOf) return anyOf.map(valuesOf).join(', or ')
  if (choices) return choices.map((choice) => `\`${choice}\``).join(' ')
  if (only !== undefined) return `\`${only}\``
  if (minimum !== undefined && maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER)
    return `${minimum} to ${maximum}`
  if (items && !items.properties) return `list of ${items.type}`
  return type ?? ''
}

function defaultOf({ default: value }: JsonSchema): string {
  return value === undefined ? '' : `\`${JSON.stringify(value)}\``
}
