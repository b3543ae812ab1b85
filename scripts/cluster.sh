# What up and down share. Sourced from the project's root.

# Absolute: mariadbd looks for its folder from elsewhere.
data=$(realpath -m "${STOCKROOM_DATA:-var}")
run=$data/run
# Start order; stopping goes the other way. Not every one of them is always there.
processes=(fileserver mariadb imageproc-1 imageproc-2 api-1 api-2)
mariadb_socket=$data/mariadb/socket

pid_of() { cat "$run/$1.pid" 2>/dev/null || true; }

# A recycled process id must not be taken for ours.
is_running() {
  local pid binary=stockroom-${1%%-[0-9]*}
  [ "$1" != mariadb ] || binary=mariadbd
  pid=$(pid_of "$1")
  [ -n "$pid" ] && [ "$(readlink "/proc/$pid/exe" 2>/dev/null | sed 's/ (deleted)$//;s|.*/||')" = "$binary" ]
}

stop_process() {
  local name=$1 pid
  if is_running "$name"; then
    pid=$(pid_of "$name")
    kill -TERM "$pid" 2>/dev/null || true
    for _ in $(seq 450); do
      is_running "$name" || break
      sleep 0.1
    done
    if is_running "$name"; then
      echo "$name did not stop within 45 s; killing it" >&2
      kill -KILL "$pid" 2>/dev/null || true
    fi
  fi
  rm -f "$run/$name.pid"
}

stop_cluster() {
  local i
  for ((i = ${#processes[@]} - 1; i >= 0; i--)); do
    stop_process "${processes[i]}"
  done
}
