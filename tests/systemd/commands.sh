# Calls everything by which xinetd is controlled, while a session is open and a file is new, and prints what each call
# has done: verb, way, exit status, effect.
probes=7100

listens() {
    [ -n "$(ss -Hltn "sport = :$1")" ]
}

# Waits for that, as real xinetd does what it is asked in the background: so many tries.
soon() {
    tries=$1
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.05
    done
}

closed() {
    ! listens 7000
}

# What the verb has done; the port is that of the new file.
effect() {
    if [ "$verb" = stop ] && soon 20 closed || ! soon 40 listens 7000; then
        effect='nothing listens'
    elif soon 4 listens "$1"; then
        effect='files read'
    else
        effect='as before'
    fi
    echo after >&3
    if read -r -t 0.2 word <&3 && [ "$word" = after ]; then
        effect="$effect, sessions go on"
    else
        effect="$effect, sessions end"
    fi
}

# call VERB WAY COMMAND...: what comes of it where xinetd runs.
call() {
    verb=$1 way=$2
    shift 2
    # The unit of real xinetd is not to be started so often.
    [ ! -e /usr/sbin/xinetd ] || systemctl reset-failed xinetd
    listens 7000 || systemctl start xinetd
    soon 40 listens 7000
    probes=$((probes + 1))
    if ! exec 3<>/dev/tcp/127.0.0.1/7000; then
        echo "$verb|$way|-|no service"
        return
    fi
    echo before >&3
    read -r -t 2 word <&3
    sed "s/probe/probe-$probes/; s/7000/$probes/" /root/probe >/etc/xinetd.d/new
    if [ "${1%%/*}" = "" ] && [ ! -e "$1" ]; then
        echo "$verb|$way|-|there is none"
    else
        "$@" >/dev/null 2>&1 </dev/null
        status=$?
        effect $probes
        echo "$verb|$way|$status|$effect"
    fi
    exec 3>&-
    rm /etc/xinetd.d/new
}

# stopped VERB COMMAND...: what comes of it where xinetd is stopped.
stopped() {
    verb=$1
    shift
    systemctl stop xinetd
    "$@" >/dev/null 2>&1 </dev/null
    status=$?
    effect='nothing listens'
    ! listens 7000 || effect='all start'
    echo "$verb|when stopped|$status|$effect"
}

case $1 in
    running)
        for verb in start stop restart try-restart reload force-reload reload-or-restart status; do
            call $verb systemctl systemctl $verb xinetd
            [ "$2" = all ] || continue
            call $verb service service xinetd $verb
            call $verb invoke-rc.d invoke-rc.d xinetd $verb
            call $verb init.d /etc/init.d/xinetd $verb
        done
        ;;
    stopped)
        for verb in start stop restart try-restart reload force-reload reload-or-restart status is-active; do
            stopped $verb systemctl $verb xinetd
        done
        systemctl start xinetd
        ;;
esac
