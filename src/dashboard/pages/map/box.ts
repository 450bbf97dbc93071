// A rectangle on the map, and the room that the map has, in pixels.

export interface Box {
  x: number
  y: number
  width: number
  height: number
}

export interface Space {
  width: number
  height: number
}
