# Sourced by scripts that run several steps: headings with timings, and a summary of what each took.
sections_started=$SECONDS
sections_summary=()
section_name=

section() {
  section_end
  section_name=$1
  section_began=$SECONDS
  printf '\n==== %s\n' "$1"
}

section_end() {
  [ -n "$section_name" ] || return 0
  sections_summary+=("$(printf '%5d s  %s' $((SECONDS - section_began)) "$section_name")")
  section_name=
}

sections_print() {
  local failed_in=$section_name
  section_end
  printf '\n'
  [ ${#sections_summary[@]} -eq 0 ] || printf '%s\n' "${sections_summary[@]}"
  printf '%5d s  in all\n' $((SECONDS - sections_started))
  [ "${1:-0}" -eq 0 ] || printf 'FAILED in: %s\n' "${failed_in:-the beginning}"
}
trap 'sections_status=$?; sections_print $sections_status' EXIT
