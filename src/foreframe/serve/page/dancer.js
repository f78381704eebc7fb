// Steering by pose: a recorded track to follow, mirror, slow down and scrub, and a skeleton with
// joints to drag.

const $ = (id) => document.getElementById(id);
const hue = (n, of) => `hsl(${(360 * n) / of} 100% 50%)`;

export class Dancer {
  constructor(simulator, changed) {
    Object.assign(this, { simulator, changed, joints: null, track: null, at: 0, grabbed: null });
    this.names = simulator.steering.joints ?? [];
    this.bones = (simulator.steering.bones ?? []).map((bone) =>
      bone.map((name) => this.names.indexOf(name)),
    );
    this.parent = this.tree();
    const canvas = $("skeleton");
    [canvas.width, canvas.height] = [simulator.frame[1] * 8, simulator.frame[0] * 8];
    canvas.style.aspectRatio = `${simulator.frame[1]} / ${simulator.frame[0]}`;
    canvas.hidden = !this.drags;
    canvas.onpointerdown = (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.grab(event);
    };
    canvas.onpointermove = (event) => this.drag(event);
    canvas.onpointerup = canvas.onpointercancel = () => {
      this.grabbed = null;
    };
    $("scrub").oninput = () => {
      this.go(Number($("scrub").value));
      this.changed();
    };
    $("mirror").onchange = () => {
      this.go(this.at);
      this.changed();
    };
  }

  /** Whether joints are known and can be dragged; otherwise a recording can only be followed. */
  get drags() {
    return this.names.length > 0 && this.track?.length !== 0;
  }

  /** Return the parent of each joint in the tree whose root is the pelvis (or the first joint). */
  tree() {
    const root = Math.max(0, this.names.indexOf("pelvis")),
      parent = new Array(this.names.length).fill(-1),
      seen = new Set([root]);
    for (let grown = true; grown;) {
      grown = false;
      for (const [a, b] of this.bones)
        for (const [from, to] of [
          [a, b],
          [b, a],
        ])
          if (seen.has(from) && !seen.has(to)) {
            parent[to] = from;
            seen.add(to);
            grown = true;
          }
    }
    return parent;
  }

  begin(track, rows, first) {
    Object.assign(this, { track, rows, first });
    $("scrub").max = rows - 1;
    $("skeleton").hidden = !this.drags;
    this.go(first);
  }

  go(at) {
    this.at = Math.max(0, Math.min(this.rows - 1, at));
    $("scrub").value = this.at;
    $("scrub-says").textContent = `${Math.round(this.at)} of ${this.rows - 1}`;
    if (this.track?.length) this.joints = this.pose(this.at);
    this.draw();
  }

  /** Return the recorded pose at any time, interpolated between frames, and mirrored if chosen. */
  pose(at) {
    const low = Math.floor(at),
      high = Math.min(low + 1, this.rows - 1),
      share = at - low;
    const now = this.track[low].map(([x, y], j) =>
      share
        ? [x + (this.track[high][j][0] - x) * share, y + (this.track[high][j][1] - y) * share]
        : [x, y],
    );
    if (!$("mirror").checked) return now;
    const width = this.simulator.frame[1];
    return this.names.map((name) => {
      const other = name.startsWith("left_")
        ? `right_${name.slice(5)}`
        : name.startsWith("right_")
          ? `left_${name.slice(6)}`
          : name;
      const [x, y] = now[this.names.indexOf(other)];
      return [width - x, y];
    });
  }

  /** Return the next act. */
  action() {
    const following = $("track").checked;
    if (!this.drags) return { row: Math.round(this.at) };
    return following ? { joints: this.pose(this.at) } : { joints: this.joints };
  }

  /** Go on to the next pose of the recording; return false at its end. */
  next() {
    if (!$("track").checked) return true;
    if (this.at >= this.rows - 1) return false;
    this.go(this.at + Number($("speed").value));
    return true;
  }

  place(event) {
    const canvas = $("skeleton"),
      box = canvas.getBoundingClientRect(),
      [height, width] = this.simulator.frame;
    return [
      ((event.clientX - box.left) / box.width) * width,
      ((event.clientY - box.top) / box.height) * height,
    ];
  }

  grab(event) {
    if (!this.joints) return;
    const [x, y] = this.place(event),
      away = this.joints.map(([a, b]) => Math.hypot(a - x, b - y));
    const nearest = away.indexOf(Math.min(...away));
    if (away[nearest] < 5) {
      this.grabbed = nearest;
      $("track").checked = false;
    }
  }

  /** Turn the grabbed joint and those below it about its parent; the pelvis moves everything. */
  drag(event) {
    if (this.grabbed === null) return;
    const [x, y] = this.place(event),
      joint = this.grabbed,
      pivot = this.parent[joint],
      here = this.joints[joint];
    const below = this.names.map((_, j) => {
      for (let k = j; k >= 0; k = this.parent[k]) if (k === joint) return true;
      return false;
    });
    if (pivot < 0) {
      this.joints = this.joints.map(([a, b]) => [a + x - here[0], b + y - here[1]]);
    } else {
      const [px, py] = this.joints[pivot];
      const turn = Math.atan2(y - py, x - px) - Math.atan2(here[1] - py, here[0] - px),
        c = Math.cos(turn),
        s = Math.sin(turn);
      this.joints = this.joints.map(([a, b], j) =>
        below[j] ? [px + (a - px) * c - (b - py) * s, py + (a - px) * s + (b - py) * c] : [a, b],
      );
    }
    this.draw();
    this.changed();
  }

  draw() {
    const canvas = $("skeleton"),
      pen = canvas.getContext("2d"),
      k = canvas.width / this.simulator.frame[1];
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    if (!this.joints) return;
    pen.lineCap = "round";
    pen.lineWidth = 1.1 * k;
    this.bones.forEach(([a, b], n) => {
      pen.strokeStyle = hue(n, this.bones.length);
      pen.beginPath();
      pen.moveTo(this.joints[a][0] * k, this.joints[a][1] * k);
      pen.lineTo(this.joints[b][0] * k, this.joints[b][1] * k);
      pen.stroke();
    });
    pen.fillStyle = "#fff";
    for (const [x, y] of this.joints) {
      pen.beginPath();
      pen.arc(x * k, y * k, 0.42 * k, 0, 7);
      pen.fill();
    }
  }
}
