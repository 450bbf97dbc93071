// What the scaler (scaler.ts) needs to know of a role: how its load is looked at, and how many processes that asks for.

import type { ScaledRole, SystemMap } from '../../map/map.ts'
import type { Topology } from '../../topology/schema.ts'

/** What the load of the moment asks for. */
export interface Demand {
  processes: number
  /** 0 to 1; undefined while nobody knows. */
  utilisation: number | undefined
}

export interface RoleScaling {
  readonly role: ScaledRole
  /** Undefined before the first look. */
  readonly demand: Demand | undefined
  /** What asks for another number, for people, where it is not how busy they are: `too slow`. */
  readonly complaint: string | undefined
  /** One look, which counts when it is taken in: the topology may have changed meanwhile. */
  look(map: SystemMap): Promise<{ atMs: number; takeIn(topology: Topology): void }>
  /** How many there shall be in the place of `number`. */
  next(number: number, atMs: number, topology: Topology): number
}

/** Why there shall be another number, for people. */
export function whyOf({ demand, complaint }: RoleScaling): string {
  const busy =
    demand?.utilisation === undefined ? 'not known to be busy' : `${Math.round(demand.utilisation * 100)}% busy`
  return complaint === undefined ? busy : `${complaint}, and ${busy}`
}
