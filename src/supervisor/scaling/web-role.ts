// The web tier as the scaler has it: by what is asked of it (web-demand.ts).

import { systemClock } from '../../base/clock.ts'
import type { Home } from '../../map/home.ts'
import { rangeOf } from '../../plan/plan-scale.ts'
import type { Topology } from '../../topology/schema.ts'
import { lookAtWebs } from './look.ts'
import type { RoleScaling } from './role-scaling.ts'
import { type WebRules, WebScaling } from './web-scaling.ts'

export function openWebScaling(home: Home): RoleScaling {
  const scaling = new WebScaling()
  return {
    role: 'web',
    get demand() {
      return scaling.demand
    },
    get complaint() {
      return scaling.demand?.because === 'latency' ? 'too slow' : undefined
    },
    async look(map) {
      const look = await lookAtWebs(home, map, () => systemClock.monotonic())
      return { atMs: look.atMs, takeIn: (topology) => scaling.see(look, rulesOf(topology)) }
    },
    next: (number, atMs, topology) => scaling.next(number, atMs, rulesOf(topology)),
  }
}

function rulesOf(topology: Topology): WebRules {
  return { ...rangeOf(topology, 'web'), ...topology.web.scale }
}
