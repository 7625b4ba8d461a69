from temponest.cli.main import main

main(prog_name="temponest")
