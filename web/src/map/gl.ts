// The little of WebGL2 that the overlay needs: programs, and buffers that are written whole.

export function program(gl: WebGL2RenderingContext, vertex: string, fragment: string): WebGLProgram {
  const made = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]] as const) {
    const shader = gl.createShader(kind)!;
    gl.shaderSource(shader, `#version 300 es\nprecision highp float;\n${source}`);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader) ?? "shader");
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made) ?? "program");
  return made;
}

/** One buffer of rows of floats, its columns bound to attributes 0, 1, 2, ... */
export class Rows {
  count = 0;
  private readonly array: WebGLVertexArrayObject;
  private readonly buffer: WebGLBuffer;
  private readonly width: number;

  constructor(private readonly gl: WebGL2RenderingContext, widths: number[]) {
    this.width = widths.reduce((sum, each) => sum + each, 0);
    this.array = gl.createVertexArray();
    this.buffer = gl.createBuffer();
    gl.bindVertexArray(this.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    let offset = 0;
    widths.forEach((width, i) => {
      gl.enableVertexAttribArray(i);
      gl.vertexAttribPointer(i, width, gl.FLOAT, false, 4 * this.width, 4 * offset);
      offset += width;
    });
    gl.bindVertexArray(null);
  }

  fill(rows: Float32Array): void {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.buffer);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, rows, this.gl.DYNAMIC_DRAW);
    this.count = rows.length / this.width;
  }

  bind(): void {
    this.gl.bindVertexArray(this.array);
  }
}
