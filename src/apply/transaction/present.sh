# What there is now of that which a snapshot holds, each line after a word that says of what it is.
dir=$work
settings_now | sed 's/^/@setting /'
ports_now | sed 's/^/@port /'
for name in $services; do
    if enabled "$name"; then echo "@boot $name"; fi
done
if [ "$engine" = yes ] && has docker && runs docker; then
    docker ps -a --filter "label=$fabric_label=$fabric" --format "@made {{.Names}} {{.Label \"$run_label\"}}"
    docker network ls -q --filter "label=$fabric_label=$fabric" |
        xargs -r docker network inspect -f "@made {{.Name}} {{index .Labels \"$run_label\"}}"
fi
echo @end
