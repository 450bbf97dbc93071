// Remembers the SQL of statements by their structure, so that a handler's statement is compiled once and not at each
// request. The values are not part of the structure: they are picked up on the way, in the order of the parameters.
//
// Structure: a statement's tree written out as a row of tokens, and kept in a tree of tokens (a trie). For each node the
// properties that are defined, each its name and then its value, and an end mark; for each list a mark and its length.
// Marks are symbols, which no name or text can be, so two different trees never give one row. What is no tree of plain
// nodes is not remembered.
// Worked example: `where('id', '=', 7)` ends in: 'operator' KIND 'OperatorNode' 'operator' '=' END 'rightOperand' VALUE
// END END END, with the values [7].

import type { RootOperationNode } from 'kysely'

/** Longer statements (a bulk insert) are compiled each time: their length varies, and they cost more elsewhere. */
const tokensMax = 400
/** All of them are forgotten when there are more, and those in use come back. */
const branchesMax = 50_000

class Branch {
  readonly next = new Map<unknown, Branch>()
  /** The SQL by slot; of the statements that end here. */
  sqlBySlot: Array<string | undefined> | undefined
}

const kindMark = Symbol('kind')
const endMark = Symbol('end')
const listMark = Symbol('list')
const valueMark = Symbol('value')
const valuesMark = Symbol('values')

export class CompiledMemo {
  #root = new Branch()
  #branches = 0
  #at = this.#root
  #tokens = 0
  #values: unknown[] = []

  clear(): void {
    this.#root = new Branch()
    this.#branches = 0
  }

  /** The SQL and the values of a statement; `compile` is asked when it is not known or cannot be remembered. */
  compile(
    node: RootOperationNode,
    slot: number,
    compile: () => { sql: string; parameters: readonly unknown[] },
  ): { sql: string; parameters: readonly unknown[] } {
    if (this.#branches > branchesMax) this.clear()
    this.#at = this.#root
    this.#tokens = 0
    this.#values = []
    if (!this.#walk(node as unknown as TreeNode)) return compile()
    const end = this.#at
    const parameters = this.#values
    const known = end.sqlBySlot?.[slot]
    if (known !== undefined) return { sql: known, parameters }
    const compiled = compile()
    if (isOneToOne(parameters, compiled.parameters)) {
      end.sqlBySlot ??= []
      end.sqlBySlot[slot] = compiled.sql
    }
    return compiled
  }

  /** False when something is met whose meaning for the SQL is not known here. */
  #walk(node: TreeNode): boolean {
    if (node.kind === 'ValueNode' && node['immediate'] !== true) {
      this.#values.push(node['value'])
      return this.#step(valueMark)
    }
    if (node.kind === 'PrimitiveValueListNode') {
      const values = node['values'] as unknown[]
      for (const value of values) this.#values.push(value)
      return this.#step(valuesMark) && this.#step(values.length)
    }
    for (const name in node) {
      const value = node[name]
      if (value === undefined) continue
      if (!this.#step(name === 'kind' ? kindMark : name) || !this.#walkValue(value)) return false
    }
    return this.#step(endMark)
  }

  #walkValue(value: unknown): boolean {
    if (typeof value === 'function') return false
    if (typeof value !== 'object' || value === null) return this.#step(value)
    if (!Array.isArray(value)) return isNode(value) && this.#walk(value)
    if (!this.#step(listMark) || !this.#step(value.length)) return false
    for (const item of value) if (Array.isArray(item) || !this.#walkValue(item)) return false
    return true
  }

  #step(token: unknown): boolean {
    if (++this.#tokens > tokensMax) return false
    let next = this.#at.next.get(token)
    if (!next) {
      next = new Branch()
      this.#branches++
      this.#at.next.set(token, next)
    }
    this.#at = next
    return true
  }
}

type TreeNode = { readonly kind: string; readonly [name: string]: unknown }

function isNode(value: object): value is TreeNode {
  return 'kind' in value && typeof value.kind === 'string'
}

/**
 * True when the values met on the way are the parameters, in their order. Only values that all differ can show that;
 * the order is the same for every statement of the structure, so it needs to be seen once.
 */
function isOneToOne(values: readonly unknown[], parameters: readonly unknown[]): boolean {
  if (values.length !== parameters.length || new Set(values).size !== values.length) return false
  return values.every((value, i) => Object.is(value, parameters[i]))
}
