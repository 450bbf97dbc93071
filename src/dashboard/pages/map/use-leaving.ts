// A node that has left the map stays for a moment where it stood, so that its going can be seen.

import { useEffect, useRef, useState } from 'preact/hooks'
import type { StatusNode } from '../../../control/api.ts'
import type { Box } from './box.ts'

export interface Leaving {
  node: StatusNode
  box: Box
}

const leaveMs = 700

export function useLeaving(nodes: readonly StatusNode[], boxes: ReadonlyMap<string, Box>): readonly Leaving[] {
  const [leaving, setLeaving] = useState<readonly Leaving[]>([])
  const last = useRef<ReadonlyMap<string, Leaving>>(new Map())

  useEffect(() => {
    const present = new Set(nodes.map((node) => node.id))
    const gone = [...last.current.values()].filter(({ node }) => !present.has(node.id))
    last.current = new Map(
      nodes.flatMap((node) => {
        const box = boxes.get(node.id)
        return box ? [[node.id, { node, box }] as const] : []
      }),
    )
    if (gone.length === 0) return
    setLeaving((before) => [...before, ...gone])
    setTimeout(() => setLeaving((before) => before.filter((entry) => !gone.includes(entry))), leaveMs)
  }, [nodes, boxes])

  return leaving
}
