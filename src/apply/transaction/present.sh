# What there is now of that which a snapshot holds, each line after a word that says of what it is.
dir=$work
settings_now | sed 's/^/@setting /'
ports_now | sed 's/^/@port /'
for name in $services; do
    if enabled "$name"; then echo "@boot $name"; fi
done
echo @end
