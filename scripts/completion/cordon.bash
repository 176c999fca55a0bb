# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of cordon(1). Commands and options come from `cordon --help` and `cordon COMMAND --help`, names from the daemon.

# Lines of help that begin with two blanks, under headings that are not the examples.
_cordon_commands() {
	cordon --help 2>/dev/null | sed -n '/^First steps/q; s/^  \([a-z][a-z-]*\) .*/\1/p'
}

_cordon_options() {
	cordon "$1" --help 2>/dev/null | sed -n '/^Options/,/^$/s/^  \(-[A-Za-z], \|    \)\(--[a-z-]*\).*/\2/p'
}

# Names of a list of the daemon; nothing where there is none. -c is passed on as typed.
_cordon_names() {
	local config=() i
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -c || ${COMP_WORDS[i]} == --config ]] && config=(-c "${COMP_WORDS[i + 1]}")
	done
	cordon get "$1" -o jsonl "${config[@]}" 2>/dev/null | sed -n "s/.*\"$2\":\"\\([^\"]*\\)\".*/\\1/p"
}

_cordon_value() { # COMMAND OPTION; false if the option takes no value that we know
	case $2 in
	-o | --output) COMPREPLY=(table json jsonl) ;;
	-d | --device) mapfile -t COMPREPLY < <(_cordon_names devices id) ;;
	--rule) mapfile -t COMPREPLY < <(_cordon_names rules id) ;;
	--verdict) COMPREPLY=(allow deny would_deny) ;;
	--kind) COMPREPLY=(flow drop cut device placed integrity) ;;
	--dir) COMPREPLY=(from_device to_device) ;;
	--from | --to) mapfile -t COMPREPLY < <(_cordon_names devices id; _cordon_names segments id | sed 's/^/segment:/'; printf '%s\n' gateway internet local any) ;;
	-c | --config | -f | --policy | -r | --frames | --file)
		[[ $1 == observe && $2 == -f ]] && return 1
		compopt -o filenames -o default
		;;
	--why | --reason | --service | --port | --in-port | --place | --for | --confirm | -n | --last | --limit)
		[[ $2 == -n && $1 != get && $1 != observe ]] && return 1
		;;
	*) return 1 ;;
	esac
}

_cordon_operands() { # COMMAND POSITION
	case $1:$2 in
	check:* | diff:* | apply:*) compopt -o filenames -o default ;;
	get:1) COMPREPLY=(devices segments rules flows revisions quarantines) ;;
	describe:1) COMPREPLY=(device segment rule class) ;;
	describe:2) [[ ${COMP_WORDS[2]} == class ]] || mapfile -t COMPREPLY < <(_cordon_names "${COMP_WORDS[2]}s" id) ;;
	quarantine:1) mapfile -t COMPREPLY < <(_cordon_names devices id) ;;
	release:1) mapfile -t COMPREPLY < <(_cordon_names quarantines device) ;;
	rollback:1) mapfile -t COMPREPLY < <(cordon history -o jsonl 2>/dev/null | sed -n 's/.*"rev":\([0-9]*\).*/\1/p') ;;
	brake:1) COMPREPLY=(on release) ;;
	audit:1) COMPREPLY=(verify) ;;
	help:1) mapfile -t COMPREPLY < <(_cordon_commands) ;;
	esac
}

_cordon() {
	local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} words=() i position=0
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(_cordon_commands; printf '%s\n' help --help --version)
	elif ! _cordon_value "$command" "${COMP_WORDS[COMP_CWORD - 1]}"; then
		for ((i = 2; i <= COMP_CWORD; i++)); do
			[[ ${COMP_WORDS[i]} == -* ]] || position=$((position + 1))
		done
		if [[ $word == -* ]]; then
			mapfile -t COMPREPLY < <(_cordon_options "$command")
		else
			_cordon_operands "$command" "$position"
		fi
	fi
	mapfile -t words < <(compgen -W "${COMPREPLY[*]}" -- "$word")
	COMPREPLY=("${words[@]}")
}

complete -F _cordon cordon
