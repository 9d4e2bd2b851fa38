from django.core.management import BaseCommand, CommandError

from portal.sample import SampleError, Size, make_sample


class Command(BaseCommand):
    help = (
        "試験と測定のための架空県のデータを、空のデータベースに作ります"
        "（PREFECTURE_NAME=架空県 を設定したときだけ）。"
    )

    def add_arguments(self, parser):
        parser.add_argument("--departments", type=int, default=15, help="部局の数")
        parser.add_argument("--years", type=int, default=20, help="年度の数")
        parser.add_argument("--items", type=int, default=333, help="一つの決算の項目の数")
        parser.add_argument("--seed", type=int, default=1, help="同じ数なら、同じデータになる")

    def handle(self, *, departments, years, items, seed, **options):
        size = Size(departments, years, items, seed)
        try:
            is_new = make_sample(size, self.stdout.write)
        except SampleError as error:
            raise CommandError(str(error)) from error
        if is_new:
            self.stdout.write(f"架空県のデータを作りました（{size}）。")
        else:
            self.stdout.write(f"この指定の架空のデータがあるので、何も変えませんでした（{size}）。")
