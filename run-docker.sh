#!/usr/bin/env bash
# Runs `./run-local.sh` on the arguments in a container, or a shell there: ./run-docker.sh build jet_qap | train jet_qap | test | shell
# The image holds the environment only, and is built when there is none for the present locks. The container runs as you, not as root;
# it sees this checkout, the current folder, and files and folders that the arguments name, each under its own path.
# Caches are kept in the volume qapflow-cache-UID.
#   FINN_XILINX_PATH, FINN_XILINX_VERSION  the host's Xilinx folder (/opt/Xilinx) and version (2024.2), mounted read-only
#   QAPFLOW_TORCH_INDEX   as for run-local.sh                 QAPFLOW_DOCKER_BASE         another Debian or Ubuntu image to start from
#   QAPFLOW_DOCKER_PACKAGES  more Debian packages in the image, such as those that Vivado asks for: "libtinfo5 libncurses5"
#   QAPFLOW_DOCKER_EXTRA  more options for `docker run`       QAPFLOW_DOCKER_BUILD_EXTRA  more options for `docker build`
set -euo pipefail

root=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

command -v docker >/dev/null || fail "docker was not found; install Docker Engine (Debian: docker.io), or use ./run-local.sh"

read -ra run_extra <<<"${QAPFLOW_DOCKER_EXTRA:-}"
read -ra build_options <<<"${QAPFLOW_DOCKER_BUILD_EXTRA:-}"
[ -z "${QAPFLOW_DOCKER_BASE:-}" ] || build_options+=(--build-arg "BASE=$QAPFLOW_DOCKER_BASE")
[ -z "${QAPFLOW_DOCKER_PACKAGES:-}" ] || build_options+=(--build-arg "EXTRA_PACKAGES=$QAPFLOW_DOCKER_PACKAGES")
[ -z "${QAPFLOW_TORCH_INDEX:-}" ] || build_options+=(--build-arg "QAPFLOW_TORCH_INDEX=$QAPFLOW_TORCH_INDEX")

image_for_these_locks() {
    { cat -- "$root"/docker/Dockerfile "$root"/run-local.sh "$root"/requirements/{base,torch}.txt; printf '%s\n' "${build_options[@]}"; } |
        sha256sum | cut -c 1-12
}
image=qapflow:$(image_for_these_locks)

mounted=()
mount_at_same_path() { # PATH: unless a folder mounted already holds it, or it is the container's own
    local path=$1 folder
    for folder in "${mounted[@]}"; do [[ $path/ == "$folder"/* ]] && return 0; done
    case $path/ in
        // | /bin/* | /cache/* | /dev/* | /etc/* | /lib*/* | /opt/qapflow-environment/* | /proc/* | /run/* | /sbin/* | /sys/* | /usr/* | /var/ | /opt/) return 0 ;;
    esac
    mount "$path"
}
mount() { # PATH [,readonly]
    mounted+=("$1")
    options+=(--mount "type=bind,\"source=$1\",\"target=$1\"${2:-}")
}

options=(--rm --init --user "$(id -u):$(id -g)" --env "USER=$(id -un 2>/dev/null)" --volume "qapflow-cache-$(id -u):/cache")
[ ! -t 0 ] || [ ! -t 1 ] || options+=(--interactive --tty)
mount_at_same_path "$root"
[ ${#mounted[@]} -eq 1 ] || fail "the container needs $root for itself; move the checkout to another folder"

xilinx() {
    local path=$FINN_XILINX_PATH version=${FINN_XILINX_VERSION:-} vivado
    [ -d "$path" ] || fail "FINN_XILINX_PATH: no such folder: $path"
    [ -n "$version" ] || fail "FINN_XILINX_PATH is set, FINN_XILINX_VERSION is not: name the version, such as 2024.2"
    for vivado in "$path/Vivado/$version" "$path/$version/Vivado" ""; do [ ! -d "$vivado" ] || break; done
    [ -n "$vivado" ] || fail "no Vivado $version at $path/Vivado/$version nor at $path/$version/Vivado; set FINN_XILINX_VERSION"
    mount "$path" ,readonly
    options+=(--env "FINN_XILINX_PATH=$path" --env "FINN_XILINX_VERSION=$version" --env "XILINX_VIVADO=$vivado" --env "VIVADO_PATH=$vivado")
    [ -z "${XILINXD_LICENSE_FILE:-}" ] || options+=(--env XILINXD_LICENSE_FILE)
}
[ -z "${FINN_XILINX_PATH:-}" ] || xilinx

mount_at_same_path "$PWD"
for argument; do
    [ ! -e "$argument" ] || mount_at_same_path "$(realpath --no-symlinks -- "$argument")"
done
options+=(--workdir "$PWD")

if ! docker image inspect "$image" >/dev/null 2>&1; then
    answer=$(docker version 2>&1) || fail "the Docker engine does not answer: $(tail -n 1 <<<"$answer")"
    echo "run-docker: building $image ..." >&2
    docker build --tag "$image" --file "$root/docker/Dockerfile" "${build_options[@]}" "$root" >&2 || fail "docker could not build the image"
fi

if [ "${1:-}" = shell ]; then
    exec docker run "${options[@]}" --interactive "${run_extra[@]}" "$image" bash "${@:2}"
fi
exec docker run "${options[@]}" "${run_extra[@]}" "$image" "$root/run-local.sh" "$@"
