# Becomes a command, with each secret file whose name is that of a variable as that variable; the others stay files.
# In: the folder of the secrets, the command. Out: the command, or exit code 2 and which secret is empty or closed.
set -eu
folder=$1
shift
for file in "$folder"/[A-Z]*; do
    [ -e "$file" ] || continue # no secret of this kind: the shell leaves the pattern as it is
    value=$(cat "$file") || exit 2
    [ -n "$value" ] || { echo "$file is empty; make it with docker/make-secrets.sh" >&2; exit 2; }
    export "${file##*/}=$value"
done
exec "$@"
