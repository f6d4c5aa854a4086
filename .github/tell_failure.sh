#!/usr/bin/env bash
# Open an issue on a nightly run that failed, or add to the one that is open; JOBS and RUN are of the workflow.
set -euo pipefail
failed=$(echo "$JOBS" | jq -r 'to_entries | map(select(.value.result == "failure").key) | join(", ")')
open=$(gh issue list --search 'in:title "The nightly run fails"' --state open --json number --jq '.[0].number')
if [ -n "$open" ]; then
  gh issue comment "$open" --body "Again: $failed, $RUN"
else
  gh issue create --title "The nightly run fails: $failed" --body "See $RUN"
fi
